import BackendKit
import Foundation
import Testing

@testable import OpenAIClient

@Suite struct StreamAssemblyTests {
    /// The chunks passed on and the whole answer of a stream of those data.
    private func assembled(
        _ data: [String], kind: ServiceDescriptor.Kind = .chat, hidesUsage: Bool = false
    ) throws -> (chunks: [String], answer: [String: Any]?, textBytes: Int) {
        var assembly = StreamAssembly(kind: kind, hidesUsage: hidesUsage)
        var chunks: [String] = []
        for data in data {
            if case .chunk(let chunk) = try assembly.take(.init(name: "", data: Array(data.utf8))) {
                chunks.append(String(decoding: chunk, as: UTF8.self))
            }
        }
        let answer = assembly.answer()
        let object = try answer.map { try JSONSerialization.jsonObject(with: Data($0)) }
        return (chunks, object as? [String: Any], assembly.textBytes)
    }

    private func chat(_ delta: String, finish: String = "null", index: Int = 0) -> String {
        #"{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":\#(index),"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}],"usage":null}"#
    }

    private func message(_ answer: [String: Any]?, _ index: Int = 0) throws -> [String: Any] {
        let choices = try #require(answer?["choices"] as? [[String: Any]])
        return try #require(choices[index]["message"] as? [String: Any])
    }

    @Test func aChatIsJoined() throws {
        let data = [
            chat(#"{"role":"assistant","content":""}"#), chat(#"{"role":"assistant","content":"He said \"\ud83d"}"#),
            chat(#"{"content":"\ude00\\"}"#), chat(#"{"content":"n\u0022 é"}"#), chat("{}", finish: #""stop""#),
            #"{"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
        ]
        let (chunks, answer, _) = try assembled(data, hidesUsage: true)
        #expect(chunks == Array(data.dropLast()))
        #expect(try assembled(data).chunks == data)
        #expect(answer?["object"] as? String == "chat.completion" && answer?["created"] as? Int == 5)
        let message = try message(answer)
        #expect(message["role"] as? String == "assistant")
        #expect(message["content"] as? String == "He said \"😀\\n\" é")
        #expect(((answer?["choices"] as? [[String: Any]])?[0]["finish_reason"]) as? String == "stop")
        #expect((answer?["usage"] as? [String: Int])?["total_tokens"] == 7)
    }

    @Test func toolCallsAndChoicesAreJoinedByIndex() throws {
        let (_, answer, _) = try assembled([
            chat(#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#),
            chat(
                #"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\""}}]}"#
            ),
            chat(#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#, finish: #""tool_calls""#),
            chat(#"{"content":"two"}"#, finish: #""length""#, index: 1),
        ])
        let first = try message(answer)
        #expect(first["content"] is NSNull && first["role"] as? String == "assistant")
        let calls = try #require(first["tool_calls"] as? [[String: Any]])
        #expect(calls.map { $0["id"] as? String } == ["a", "b"] && calls[0]["index"] == nil)
        #expect((calls[0]["function"] as? [String: String])?["arguments"] == #"{"x":1}"#)
        #expect(try message(answer, 1)["content"] as? String == "two")
        #expect((answer?["choices"] as? [[String: Any]])?[1]["index"] as? Int == 1)
    }

    @Test func choicesWithoutIndexAreNumberedByTheirPlace() throws {
        let (chunks, answer, _) = try assembled(
            [
                #"{"choices":[],"prompt_filter_results":[]}"#, #"{"choices":[{"delta":{"content":"a"}}]}"#,
                #"{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
            ], hidesUsage: true)
        #expect(try message(answer)["content"] as? String == "ab")
        // Only the usage that was asked for here is kept back.
        #expect(chunks.count == 3)
    }

    @Test func logprobsAreJoined() throws {
        func chunk(_ token: String, _ finish: String) -> String {
            #"{"choices":[{"index":0,"delta":{"content":"\#(token)"},"logprobs":{"content":[{"token":"\#(token)","logprob":-1}]},"finish_reason":\#(finish)}]}"#
        }
        let (_, answer, bytes) = try assembled([chunk("ab", "null"), chunk("c", #""stop""#)])
        let choice = try #require((answer?["choices"] as? [[String: Any]])?[0])
        let content = try #require((choice["logprobs"] as? [String: Any])?["content"] as? [[String: Any]])
        #expect(content.map { $0["token"] as? String } == ["ab", "c"])
        #expect(bytes == 3)
    }

    @Test func aCompletionIsJoined() throws {
        func chunk(_ text: String, _ finish: String) -> String {
            #"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"\#(text)","finish_reason":\#(finish)}]}"#
        }
        let (_, answer, _) = try assembled([chunk("a ", "null"), chunk("b", #""stop""#)], kind: .completion)
        #expect((answer?["choices"] as? [[String: Any]])?[0]["text"] as? String == "a b")
        #expect(answer?["object"] as? String == "text_completion")
    }

    @Test func aResponseComesWhole() throws {
        let data = [
            #"{"type":"response.created","response":{"id":"r"}}"#,
            #"{"type":"response.output_text.delta","delta":"abc"}"#,
            #"{"type":"response.completed","response":{"id":"r","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
        ]
        let (chunks, answer, bytes) = try assembled(data, kind: .response)
        #expect(chunks == data && bytes == 3 && answer?["id"] as? String == "r")
        #expect(try assembled(Array(data.dropLast()), kind: .response).answer == nil)
    }

    @Test func anAnswerThatIsNotWholeIsNone() throws {
        #expect(try assembled([chat(#"{"content":"a"}"#)]).answer == nil)
        #expect(try assembled([]).answer == nil)
        let open = [chat(#"{"content":"a"}"#, finish: #""stop""#), chat(#"{"content":"a"}"#, index: 1)]
        #expect(try assembled(open).answer == nil)
    }

    @Test(arguments: ["x", "[]", "5", "{}", #"{"choices":5"#, #"{"a":1}"#])
    func otherDataIsMalformed(data: String) {
        #expect(throws: StreamAssembly.Malformed.self) { try assembled([data]) }
        #expect(throws: StreamAssembly.Malformed.self) { try assembled([data], kind: .response) }
    }

    @Test func endlessMembersAreMalformed() {
        let members = (0..<600).map { #""k\#($0)":1"# }.joined(separator: ",")
        #expect(throws: StreamAssembly.Malformed.self) { try assembled([chat("{\(members)}")]) }
        let choices = (0..<600).map { #"{"index":\#($0)}"# }.joined(separator: ",")
        #expect(throws: StreamAssembly.Malformed.self) { try assembled([#"{"choices":[\#(choices)]}"#]) }
    }

    @Test(arguments: [
        (ServiceDescriptor.Kind.chat, #"{"error":{"message":"over","type":"server_error"}}"#),
        (.response, #"{"type":"error","code":"server_error","message":"over"}"#),
        (.response, #"{"type":"response.failed","response":{"error":{"code":"server_error","message":"over"}}}"#),
    ])
    func errorsEndTheStream(kind: ServiceDescriptor.Kind, data: String) throws {
        var assembly = StreamAssembly(kind: kind, hidesUsage: false)
        guard case .failed(let error, _) = try assembly.take(.init(name: "", data: Array(data.utf8))) else {
            Issue.record("an error was taken for a chunk")
            return
        }
        #expect(error.message == "over")
    }
}
