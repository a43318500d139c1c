import BackendKit
import Foundation
import Testing

@testable import LocalModel

@Suite struct NumberTests {
    @Test func aScoreIsALogarithmOfAProbability() {
        let logits: [Float] = [1, 3, -2, 3, 0.5]
        let score = logits.withUnsafeBufferPointer { TokenScore(of: 4, best: 3, logits: $0) }
        let sum = logits.reduce(0.0) { $0 + exp(Double($1)) }
        #expect(abs(score.logarithm - log(exp(0.5) / sum)) < 1e-9)
        // Of equals the first.
        #expect(score.best.map(\.token) == [1, 3, 0])
        #expect(abs(score.best[2].logarithm - log(exp(1) / sum)) < 1e-9)
        #expect(logits.withUnsafeBufferPointer { TokenScore(of: 0, best: 0, logits: $0) }.best.isEmpty)
    }

    @Test func theLikeliestAreFoundAmongMany() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            let logits = (0..<500).map { _ in Float.random(in: -20...20, using: &generator) }
            let score = logits.withUnsafeBufferPointer { TokenScore(of: 0, best: 20, logits: $0) }
            let sorted = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(20)
            #expect(score.best.map { Int($0.token) } == Array(sorted))
        }
    }

    @Test func memoryIsCountedBeforeItIsTaken() {
        let need = MemoryNeed(weights: 10 << 20, layers: 4, numbersOfToken: 1_024)
        #expect(need.bytes(context: 1_024, sequences: 2) == (10 << 20) + 4 * 1_024 * 2 * 2_048)
        #expect(need.refusal(context: 1_024, sequences: 2, limit: 27 << 20) == nil)
        let sentence = need.refusal(context: 1_024, sequences: 2, limit: 20 << 20)
        #expect(sentence?.hasPrefix("the model needs 26 MiB (10 for weights") == true)
    }

    @Test func tokensASecondAreOfTheTimeAtWork() {
        var numbers = EngineNumbers()
        numbers.measured(100, seconds: 0.1)
        #expect(numbers.tokensPerSecond == 1_000)
        numbers.measured(100, seconds: 0.4)
        #expect(numbers.tokensPerSecond == 400)
        // A new window, which is not full yet.
        numbers.measured(1, seconds: 0.1)
        #expect(numbers.tokensPerSecond == 400)
    }

    @Test func aStrangeModelFileIsRefusedWithASentence() throws {
        func refusal(_ configuration: String) throws -> String {
            do {
                _ = try LocalService(configuration: Array(configuration.utf8), slots: 1)
            } catch let failure as BackendFailure {
                return failure.message
            }
            return "none"
        }
        guard TinyModel.isThere else {
            #expect(try refusal(#"{"model":"/none.gguf"}"#).contains("run ops/llama.sh"))
            return
        }
        #expect(try refusal(#"{"model":"/none.gguf"}"#).contains("there is no model file at /none.gguf"))
        #expect(try refusal(#"{"model":"\#(#filePath)"}"#).contains("cannot be loaded"))
        #expect(try refusal(#"{"model":"x","library":"/tmp"}"#).contains("there is no libllama.so in /tmp"))
        #expect(try refusal(#"{"model":"\#(TinyModel.path)","memory_limit_mib":1}"#).contains("memory_limit_mib is 1"))
        #expect(
            try refusal(#"{"model":"\#(TinyModel.path)","memory_limit_mib":8,"context":16384}"#).contains(
                "lower 'context'"))
    }
}
