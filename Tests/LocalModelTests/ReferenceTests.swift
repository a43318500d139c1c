import BackendHost
import Domain
import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import LocalModel

/// The same library, driven by other people's code: llama-cpp-python, and the published method for embeddings in numpy.
@Suite(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh")) struct ReferenceTests {
    /// What a Python program of Tests/Models answers to texts, a JSON value a line.
    private func ask(
        _ script: String, _ arguments: [String], _ texts: [String], packages: String? = nil
    ) async throws -> [Substring] {
        let python =
            try #require(ProcessInfo.processInfo.environment["SLUICE_LLAMA"] ?? TinyModel.built) + "/bin/python"
        let models = URL(fileURLWithPath: TinyModel.folder).deletingLastPathComponent().path
        let result = try await run(
            .path(FilePath(python)), arguments: Arguments(["\(models)/\(script)"] + arguments),
            environment: .inherit.updating(["PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"]),
            input: .string(texts.map { TinyModel.quoted($0) + "\n" }.joined()), output: .string(limit: 8 << 20),
            error: .string(limit: 1 << 20))
        try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
        return result.standardOutput.split(separator: "\n")
    }

    @Test func textsAndLogprobsAreThoseOfLlamaCppPython() async throws {
        struct Reference: Decodable {
            var text: String
            var finish_reason: String
            var token_logprobs: [Double]
        }
        let prompts =
            ["Once upon a time", "The capital of", "1 2 3", "Ein kleiner Hund ", "🙂 こんにちは", "\n\n", "a<|im_end|>b"]
            + ["What is nine plus eight?", "Say thank you in Greek.", "Write a poem."].map {
                "<|im_start|>system\nAnswer briefly.<|im_end|>\n<|im_start|>user\n\($0)<|im_end|>\n<|im_start|>assistant\n"
            }
        let expected = try await ask("tiny/ask.py", [TinyModel.path, "48"], prompts).map {
            try JSONDecoder().decode(Reference.self, from: Data($0.utf8))
        }
        #expect(expected.count == prompts.count)
        let instance = try TinyModel.instance(#","context":512"#, slots: prompts.count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (prompt, expected) in zip(prompts, expected) {
                group.addTask {
                    let answer = try Answer(
                        await instance.execute(
                            TinyModel.call(
                                #"{"prompt":\#(TinyModel.quoted(prompt)),"temperature":0,"max_tokens":48,"logprobs":3}"#,
                                .completion)))
                    #expect(answer.text == expected.text, "\(prompt)")
                    #expect(answer.finish == expected.finish_reason)
                    let lists = try #require(answer.choices[0]["logprobs"] as? [String: Any])
                    let found = try #require(lists["token_logprobs"] as? [Double])
                    #expect(found.count == expected.token_logprobs.count)
                    // The last bits depend on what else is in the batch.
                    #expect(zip(found, expected.token_logprobs).allSatisfy { abs($0 - $1) < 0.02 }, "\(prompt)")
                }
            }
            try await group.waitForAll()
        }
    }

    private static let minilm = ProcessInfo.processInfo.environment["SLUICE_MINILM"]
    private static let texts =
        [
            "Hello world", "A man is eating food.", "The girl is carrying a baby.", "What is the capital of France?",
            "Paris is the capital of France.", "naïve café, Zürich", "Numbers: 3.14 and 2,718.",
            "It's a dog-eat-dog world!",
            "e = mc^2 (Einstein, 1905)", "PostgreSQL keeps a queue of jobs.",
        ] + [String(repeating: "long text with the same words again and ", count: 20)]

    @Test(
        .enabled(if: minilm != nil, "the model is not there: run ops/minilm.sh and set SLUICE_MINILM to what it prints")
    )
    func embeddingsOfMiniLMAreThePublishedOnes() async throws {
        let folder = try #require(Self.minilm)
        let expected = try await ask(
            "minilm/reference.py", ["\(folder)/model"], Self.texts, packages: "\(folder)/python"
        ).map { try JSONDecoder().decode([Double].self, from: Data($0.utf8)) }
        #expect(expected.count == Self.texts.count)
        let instance = try TinyModel.backend().makeInstance(
            configuration: Array(#"{"model":"\#(folder)/minilm-f16.gguf"}"#.utf8), slots: 4)
        let body = #"{"input":[\#(Self.texts.map(TinyModel.quoted).joined(separator: ","))]}"#
        let answer = try Answer(await instance.execute(TinyModel.call(body, .embedding)))
        let data = try #require(answer.object["data"] as? [[String: Any]])
        for (index, expected) in expected.enumerated() {
            let found = try #require(data[index]["embedding"] as? [Double])
            #expect(found.count == 384 && abs(found.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
            let cosine = zip(found, expected).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(cosine > 0.999, "\(Self.texts[index]): \(cosine)")
        }
        let chat = refusal(await instance.execute(TinyModel.question("Hello")))
        #expect(chat?.message == "this model makes embeddings and no text")
    }
}
