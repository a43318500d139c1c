import BackendHost
import Foundation
import Testing

/// The tiny model's exact answers, as llama-cpp-python gives them one at a time.
@Suite(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh")) struct GoldenTests {
    struct Golden: Decodable, Sendable {
        struct Message: Decodable { var role, content: String }
        struct Usage: Decodable { var prompt_tokens, completion_tokens: Int }
        var messages: [Message]
        var content: String
        var finish_reason: String
        var usage: Usage

        var question: String { messages.last?.content ?? "" }
    }

    static let all: [Golden] = {
        do {
            let text = try String(contentsOfFile: TinyModel.folder + "/golden.jsonl", encoding: .utf8)
            return try text.split(separator: "\n").map { try JSONDecoder().decode(Golden.self, from: Data($0.utf8)) }
        } catch {
            Issue.record("the golden answers cannot be read: \(error)")
            return []
        }
    }()

    private func check(_ outcome: BackendOutcome, _ golden: Golden) throws {
        let answer = try Answer(outcome)
        #expect(answer.text == golden.content, "\(golden.question)")
        #expect(answer.finish == golden.finish_reason)
        #expect(answer.usage["prompt_tokens"] as? Int == golden.usage.prompt_tokens)
        #expect(answer.usage["completion_tokens"] as? Int == golden.usage.completion_tokens)
    }

    @Test(arguments: [1, 8, 32]) func theAnswersAreExactInABatchOf(_ slots: Int) async throws {
        let instance = try TinyModel.instance(#","context":256"#, slots: slots)
        #expect(Self.all.count == 200)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, golden) in Self.all.enumerated() {
                // As many at once as there are slots, so that they join and leave a batch that is running.
                if index >= slots { try await group.next() }
                group.addTask { try check(await instance.execute(TinyModel.question(golden.question)), golden) }
            }
            try await group.waitForAll()
        }
    }

    /// More jobs than sequences, prompts in small chunks, and prefixes taken over from each other.
    @Test func theAnswersAreExactWhenSequencesAreScarce() async throws {
        let settings = #","context":128,"sequences":5,"batch":16,"prefix_reuse":1"#
        let instance = try TinyModel.instance(settings, slots: 32)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, golden) in Self.all.enumerated() {
                if index >= 32 { try await group.next() }
                group.addTask { try check(await instance.execute(TinyModel.question(golden.question)), golden) }
            }
            try await group.waitForAll()
        }
    }
}
