import BackendKit
import JSONText
import Testing

@testable import OpenAIClient

@Suite struct AnswerUsageTests {
    private func counted(_ usage: String) throws -> AnswerUsage? {
        AnswerUsage.counted(in: try #require(JSONObjectEdit(Array(#"{"usage":\#(usage)}"#.utf8))))
    }

    @Test func bothFormsAreCounted() throws {
        let wanted = AnswerUsage(prompt: 3, completion: 4, isEstimated: false)
        #expect(try counted(#"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#) == wanted)
        #expect(try counted(#"{"input_tokens":3,"output_tokens":4}"#) == wanted)
        #expect(
            try counted(#"{"prompt_tokens":3,"total_tokens":3}"#) == .init(prompt: 3, completion: 0, isEstimated: false)
        )
    }

    @Test(arguments: [
        "null", "{}", "5", #"{"prompt_tokens":null}"#, #"{"prompt_tokens":-1}"#, #"{"prompt_tokens":"3"}"#,
    ])
    func whatSaysNothingIsNotCounted(usage: String) throws { #expect(try counted(usage) == nil) }

    @Test func anEstimateSaysSo() throws {
        let request = try #require(JSONObjectEdit(Array(#"{"model":"mmmmmmmm","messages":"123456"}"#.utf8)))
        let usage = AnswerUsage.estimated(request: request, kind: .chat, textBytes: 9)
        #expect(usage == AnswerUsage(prompt: 2, completion: 3, isEstimated: true))
        let json = String(decoding: usage.json(kind: .chat), as: UTF8.self)
        #expect(json == #"{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"estimated":true}"#)
    }

    @Test func textIsWhatModelsWrite() {
        let answer =
            #"{"id":"xxxxxxx","choices":[{"message":{"role":"assistant","content":"12345","tool_calls":[{"function":{"name":"f","arguments":"67"}}]}}]}"#
        #expect(AnswerUsage.textBytes(in: Array(answer.utf8)) == 7)
    }
}
