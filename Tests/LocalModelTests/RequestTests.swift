import BackendKit
import Testing

@testable import LocalModel

@Suite struct RequestTests {
    private func configuration(_ more: String = "") throws -> LocalConfiguration {
        try LocalConfiguration(parsing: Array(#"{"model":"m.gguf"\#(more)}"#.utf8))
    }

    private func request(_ body: String, isChat: Bool = true, _ more: String = "") throws -> GenerationRequest {
        try GenerationRequest(RequestFields(Array(body.utf8)), isChat: isChat, configuration(more))
    }

    private let hello = #""messages":[{"role":"user","content":"Hi"}]"#

    @Test func aChatIsRead() throws {
        let found = try request(
            #"""
            {"model":"x","messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"a"},
            {"type":"text","text":"b"}]},{"role":"assistant","content":null}],"temperature":0.5,"top_p":0.9,"top_k":-1,"min_p":0.1,
            "frequency_penalty":1,"presence_penalty":-1,"repetition_penalty":1.1,"seed":-1,"logit_bias":{"7":-100},"n":2,
            "stop":["x","y"],"max_tokens":3,"max_completion_tokens":4,"logprobs":true,"top_logprobs":2,"user":"who",
            "stream_options":{"include_usage":true}}
            """#)
        #expect(
            found.prompts == [
                .conversation([
                    .init(role: "system", content: "S"), .init(role: "user", content: "ab"),
                    .init(role: "assistant", content: ""),
                ])
            ])
        #expect(found.model == "x" && found.choices == 2 && found.stops == ["x", "y"] && found.maximumTokens == 4)
        #expect(found.logprobs == 2 && found.streamsUsage)
        let sampling = found.sampling
        #expect(sampling.temperature == 0.5 && sampling.topP == 0.9 && sampling.topK == 0 && sampling.minP == 0.1)
        #expect(sampling.repeatPenalty == 1.1 && sampling.frequencyPenalty == 1 && sampling.presencePenalty == -1)
        #expect(sampling.seed == .max && sampling.bias == [.init(token: 7, value: -100)])
        #expect(!sampling.isGreedy && sampling.seed(of: 1, random: 5) == 0)
    }

    @Test func whatIsNotSaidComesFromTheConfiguration() throws {
        let plain = try request("{\(hello)}")
        #expect(plain.sampling.temperature == 1 && plain.maximumTokens == nil && plain.logprobs == nil)
        let configured = try request("{\(hello),\"temperature\":null}", #","temperature":0,"max_tokens":9"#)
        #expect(configured.sampling.isGreedy && configured.maximumTokens == 9)
    }

    @Test(
        arguments: [
            (#"{"prompt":"a"}"#, [.text("a")]), (#"{"prompt":["a","b"]}"#, [.text("a"), .text("b")]),
            (#"{"prompt":[1,2]}"#, [.tokens([1, 2])]),
            (#"{"prompt":[[1],[2,3],"c"]}"#, [.tokens([1]), .tokens([2, 3]), .text("c")]),
        ] as [(String, [LocalPrompt])])
    func promptsComeInFourForms(_ body: String, _ prompts: [LocalPrompt]) throws {
        #expect(try request(body, isChat: false).prompts == prompts)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"messages":[]}"#, #"{"messages":"x"}"#, #"{"messages":[{"content":"x"}]}"#,
        #"{"messages":[{"role":"user","content":7}]}"#, #"{"messages":[{"role":"user","content":"a\u0000b"}]}"#,
        #"{"messages":[{"role":"u","content":"x"}],"temperature":3}"#,
        #"{"messages":[{"role":"u","content":"x"}],"n":0}"#,
        #"{"messages":[{"role":"u","content":"x"}],"max_tokens":1.5}"#,
        #"{"messages":[{"role":"u","content":"x"}],"stop":[1]}"#,
        #"{"messages":[{"role":"u","content":"x"}],"logit_bias":{"a":1}}"#,
        #"{"messages":[{"role":"u","content":"x"}],"logit_bias":{"1":101}}"#,
        #"{"messages":[{"role":"u","content":"x"}],"response_format":{"type":"xml"}}"#,
        #"{"messages":[{"role":"u","content":"x"}],"response_format":{"type":"json_schema"}}"#,
        #"{"messages":[{"role":"u","content":"x"}],"top_logprobs":21,"logprobs":true}"#,
    ]) func whatCannotBeReadIsAnInvalidRequest(_ body: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try request(body) }
        #expect(failure.errorClass == .invalidRequest)
    }

    @Test(arguments: [
        #""tools":[{"type":"function"}]"#, #""echo":true"#, #""suffix":"x""#, #""best_of":3"#,
        #""response_format":{"type":"json_schema","json_schema":{"schema":{"pattern":"x"}}}"#,
    ]) func whatIsNotOfferedIsUnsupported(_ member: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try request("{\(hello),\(member)}") }
        #expect(failure.errorClass == .unsupported)
    }

    @Test func aPictureIsUnsupported() throws {
        let body = #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}"#
        let failure = try #require(throws: BackendFailure.self) { try request(body) }
        #expect(failure.errorClass == .unsupported)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"model":""}"#, #"{"model":"m","modle":"m"}"#, #"{"model":"m","context":1}"#,
        #"{"model":"m","threads":0}"#,
        #"{"model":"m","mmap":1}"#, #"{"model":"m","pooling":"max"}"#, #"{"model":"m","temperature":9}"#,
    ]) func aBadConfigurationIsRefused(_ text: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try LocalConfiguration(parsing: Array(text.utf8)) }
        #expect(failure.errorClass == .invalidRequest && !failure.message.isEmpty)
    }
}
