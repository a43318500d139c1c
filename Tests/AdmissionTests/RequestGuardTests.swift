import Admission
import Domain
import Testing

/// What a guard makes of requests.
struct RequestGuardTests {
    private func check(
        _ body: String, _ kind: JobKind = .chat, _ change: (inout RequestGuard) -> Void
    ) throws(GuardRefusal) -> GuardedRequest {
        var rules = RequestGuard()
        change(&rules)
        return try rules.check(Array(body.utf8), kind: kind, depth: 16)
    }

    private func text(_ request: GuardedRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    @Test func `a guard without rules changes nothing`() throws {
        let body = #"{"model":"m","messages":[{"role":"user","content":"a\u0007"}],"max_tokens":-1,"odd":1}"#
        let passed = try check(body) { _ in }
        #expect(text(passed) == body && passed.clamped.isEmpty && passed.stripped.isEmpty)
    }

    @Test(arguments: [
        (#"{"messages":[],"max_tokens":9000}"#, #"{"messages":[],"max_tokens":4096}"#, ["max_tokens=4096"]),
        (#"{"messages":[],"max_tokens":1}"#, #"{"messages":[],"max_tokens":16}"#, ["max_tokens=16"]),
        (#"{"messages":[],"max_tokens":100}"#, #"{"messages":[],"max_tokens":100}"#, []),
        (#"{"messages":[]}"#, #"{"messages":[],"max_tokens":4096}"#, ["max_tokens=4096"]),
        (
            #"{"max_completion_tokens":5000,"messages":[]}"#, #"{"max_completion_tokens":4096,"messages":[]}"#,
            ["max_completion_tokens=4096"]
        ),
        (#"{"messages":[],"max_tokens":null}"#, #"{"messages":[],"max_tokens":4096}"#, ["max_tokens=4096"]),
    ])
    func `max_tokens is clamped and the clamp told`(body: String, expected: String, told: [String]) throws {
        let passed = try check(body) { ($0.leastTokens, $0.mostTokens) = (16, 4_096) }
        #expect(text(passed) == expected)
        #expect(passed.clamped.map { "\($0.member)=\($0.value)" } == told)
    }

    @Test(arguments: [
        (#"{"messages":[],"max_tokens":"7"}"#, "invalid_value"),
        (#"{"messages":[],"max_tokens":1.5}"#, "invalid_value"),
        (#"{"messages":[],"max_tokens":1,"max_tokens":2}"#, "invalid_json"),
        (#"{"messages":[],"odd":1}"#, "unknown_field"),
        (#"{"messages":[{"content":"12345678901"}]}"#, "prompt_too_long"),
        (#"{"messages":[{"content":"a\u0000"}]}"#, "control_character"),
        (#"{"messages":["\b"]}"#, "control_character"), ("{\"messages\":[\"\u{7F}\"]}", "control_character"),
        ("{\"messages\":[\"\u{85}\"]}", "control_character"), (#"{"messages":[[[[[[]]]]]]}"#, "invalid_json"),
        (#"{"messages":[],"user":"012345678901234567890123456789012345678901234567890123456789"}"#, "body_too_large"),
    ])
    func `what is not allowed is refused by name`(body: String, code: String) throws {
        let error = #expect(throws: GuardRefusal.self) {
            try check(body) {
                ($0.bodyBytes, $0.depth, $0.promptCharacters, $0.mostTokens) = (80, 5, 10, 100)
                ($0.controlCharacters, $0.unknownFields) = (.refuse, .refuse)
            }
        }
        #expect(error?.code == code)
    }

    @Test func `unwanted things are taken out`() throws {
        let body = #"{"odd":[1],"messages":[{"content":"a\u0007b\tc\n","na\u0007me":"é"}],"x":2,"top_k":3}"#
        let passed = try check(body) {
            ($0.controlCharacters, $0.unknownFields, $0.extraFields) = (.strip, .strip, ["top_k"])
        }
        #expect(text(passed) == #"{"messages":[{"content":"ab\tc\n","na\u0007me":"é"}],"top_k":3}"#)
        #expect(passed.stripped == ["odd", "x"])
        // a, control, b, tab, c, line feed, é
        #expect(passed.promptCharacters == 7)
    }

    @Test func `every kind has its prompt and its bound`() throws {
        let rules: (inout RequestGuard) -> Void = { ($0.promptCharacters, $0.mostTokens) = (3, 10) }
        #expect(throws: GuardRefusal.self) { try check(#"{"prompt":["ab","cd"]}"#, .completion, rules) }
        #expect(throws: GuardRefusal.self) { try check(#"{"input":"abcd"}"#, .embedding, rules) }
        #expect(throws: GuardRefusal.self) { try check(#"{"input":"ab","instructions":"cd"}"#, .response, rules) }
        let embedding = try check(#"{"input":"abc"}"#, .embedding, rules)
        #expect(embedding.clamped.isEmpty && embedding.estimatedTokens == 1)
        let response = try check(#"{"input":"abc"}"#, .response, rules)
        #expect(text(response) == #"{"input":"abc","max_output_tokens":10}"# && response.estimatedTokens == 11)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `whatever comes, what goes through is JSON`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var body = Array(
            #"{"messages":[{"role":"user","content":"a\u0007\ud83d\ude00b\\"},"é\u007f"],"max_tokens":70,"odd":{"a":[]}}"#
                .utf8)
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            body[Int.random(in: body.indices, using: &generator)] =
                Array(#"{}[]",:\u07a "#.utf8).randomElement(using: &generator) ?? 0
        }
        var rules = RequestGuard()
        (rules.controlCharacters, rules.unknownFields, rules.mostTokens) = (.strip, .strip, 64)
        do {
            let passed = try rules.check(body, kind: .chat, depth: 16)
            var scanner = JSONScanner()
            try scanner.scan(passed.body.span)
        } catch let error as GuardRefusal {
            #expect(!error.message.isEmpty)
        } catch {
            Issue.record("\(error): \(String(decoding: body, as: UTF8.self))")
        }
    }
}
