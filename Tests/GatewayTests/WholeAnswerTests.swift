import Domain
import Testing

@testable import Gateway

/// Finished answers in pieces; Tests/Clients has what the `openai` package makes of them.
struct WholeAnswerTests {
    private func events(_ text: String, _ kind: JobKind, includesUsage: Bool = false) -> [String] {
        WholeAnswer(Array(text.utf8), kind: kind).events(includesUsage: includesUsage).map {
            String(decoding: $0.data, as: UTF8.self)
        }
    }

    private static let chat = #"""
        {"id": "c", "object": "chat.completion", "created": 7, "model": "m", "choices": [{"index": 0, "message":
        {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f",
        "arguments": "{}"}}, {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        "finish_reason": "tool_calls"}], "usage": {"total_tokens": 3}}
        """#

    @Test func `a chat becomes a delta for each choice, its tool calls numbered, and the usage where it is asked for`()
    {
        let pieces = events(Self.chat, .chat, includesUsage: true)
        #expect(pieces.count == 2)
        #expect(pieces[0].contains(#""object": "chat.completion.chunk""#) && pieces[0].contains(#""id": "c""#))
        #expect(pieces[0].contains(#""delta": {"role": "assistant", "content": null"#))
        #expect(pieces[0].contains(#"{"index": 0, "id": "a""#) && pieces[0].contains(#"{"index": 1, "id": "b""#))
        #expect(pieces[0].contains(#""finish_reason": "tool_calls""#) && !pieces[0].contains("message"))
        #expect(pieces[1].contains(#""choices": []"#) && pieces[1].contains(#""usage": {"total_tokens": 3}"#))
        #expect(events(Self.chat, .chat).count == 1)
    }

    @Test func `a completion becomes a piece for each choice`() {
        let pieces = events(
            #"{"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}], "usage": {}}"#,
            .completion)
        #expect(pieces.count == 2)
        #expect(pieces[1] == #"{"id": "c", "object": "text_completion", "choices": [{"index": 1, "text": "b"}]}"#)
    }

    @Test func `a response becomes the events that lead to it`() throws {
        let body = #"""
            {"id": "resp_1", "status": "completed", "output": [{"type": "function_call", "id": "f", "name": "g"},
            {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content":
            [{"type": "output_text", "text": "Hi", "annotations": []}]}], "usage": {"total_tokens": 3}}
            """#
        let found = WholeAnswer(Array(body.utf8), kind: .response).events(includesUsage: false)
        #expect(
            found.map(\.name) == [
                "response.created", "response.output_item.added", "response.output_item.done",
                "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done",
                "response.completed",
            ])
        let texts = found.map { String(decoding: $0.data, as: UTF8.self) }
        #expect(texts.indices.allSatisfy { texts[$0].contains("\"sequence_number\": \($0)") })
        #expect(texts[0].contains(#""output": []"#) && texts[0].contains(#""status": "in_progress""#))
        #expect(texts[5].contains(#""delta": "Hi""#) && texts[5].contains(#""output_index": 1"#))
        #expect(texts[9].contains(#""total_tokens": 3"#))
        let cut = WholeAnswer(Array(#"{"status": "incomplete", "output": []}"#.utf8), kind: .response)
        #expect(cut.events(includesUsage: false).last?.name == "response.incomplete")
    }

    @Test(arguments: ["{}", #"{"choices": 7}"#, "[]"])
    func `what is no such answer is sent as it is`(text: String) {
        #expect(events(text, .chat) == [text] && events(text, .response) == [text])
    }
}
