import Domain
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct ModelRequestTests {
    private func read(_ body: String, _ kind: JobKind = .chat) throws -> ModelRequest {
        try ModelRequest(Array(body.utf8), kind: kind, maximumDepth: 8)
    }

    private func refusal(_ body: String, _ kind: JobKind) -> GatewayFailure? {
        do {
            _ = try read(body, kind)
            return nil
        } catch { return error as? GatewayFailure }
    }

    @Test(arguments: [
        (#"{"model":"m","messages":[{}]}"#, JobKind.chat, false, false),
        (#"{"messages":[{}],"stream":true,"model":"m"}"#, .chat, true, false),
        (#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#, .chat, true, true),
        (#"{"model":"m","messages":[{}],"stream":null,"stream_options":null}"#, .chat, false, false),
        (#"{"model":"m","prompt":"p","stream":false}"#, .completion, false, false),
        (#"{"model":"m","prompt":["p"]}"#, .completion, false, false),
        (#"{"model":"m","input":["a","b"]}"#, .embedding, false, false),
        (#"{"model":"m","input":"a","stream":true}"#, .response, true, false),
    ])
    func `what a request asks for is read, and its body left as it is`(
        body: String, kind: JobKind, isStreaming: Bool, includesUsage: Bool
    ) throws {
        let request = try read(body, kind)
        #expect(request.model == "m")
        #expect(request.kind == kind)
        #expect(request.isStreaming == isStreaming)
        #expect(request.includesUsage == includesUsage)
        #expect(request.body == Array(body.utf8))
    }

    @Test func `a model's name is unescaped`() throws {
        #expect(try read(#"{"model":"a\u002fb","messages":[1]}"#).model == "a/b")
    }

    @Test(arguments: [
        ("", JobKind.chat, nil as String?, "not JSON"),
        (#"{"model":"m","messages":[1]"#, .chat, nil, "not JSON"),
        (#"{"model":"m","messages":[1]} x"#, .chat, nil, "not JSON"),
        (#"{"model":"m","messages":[[[[[[[[[1]]]]]]]]]}"#, .chat, nil, "not JSON"),
        ("[1]", .chat, nil, "object"),
        (#"{"messages":[1]}"#, .chat, "model", "string"),
        (#"{"model":"","messages":[1]}"#, .chat, "model", "string"),
        (#"{"model":5,"messages":[1]}"#, .chat, "model", "string"),
        (#"{"model":"\ud800","messages":[1]}"#, .chat, nil, "not JSON"),
        (#"{"model":"m"}"#, .chat, "messages", "array"),
        (#"{"model":"m","messages":[]}"#, .chat, "messages", "array"),
        (#"{"model":"m","messages":"hello"}"#, .chat, "messages", "array"),
        (#"{"model":"m","prompt":""}"#, .completion, "prompt", "string or an array"),
        (#"{"model":"m","input":{}}"#, .embedding, "input", "string or an array"),
        (#"{"model":"m","messages":[1],"stream":"yes"}"#, .chat, "stream", "true or false"),
        (
            #"{"model":"m","messages":[1],"stream_options":{"include_usage":1}}"#, .chat,
            "stream_options.include_usage", "true or false"
        ),
        (#"{"model":"m","input":"a","stream":true}"#, .embedding, "stream", "do not come in pieces"),
        (#"{"model":"m","messages":["\u0000"]}"#, .chat, nil, "cannot be stored"),
    ])
    func `what cannot work is refused with the member at fault`(
        body: String, kind: JobKind, parameter: String?, words: String
    ) {
        let failure = refusal(body, kind)
        #expect(failure?.status.code == 400)
        #expect(failure?.parameter == parameter)
        #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "accepted")")
    }
}
