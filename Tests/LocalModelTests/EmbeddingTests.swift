import BackendHost
import Domain
import Foundation
import Testing

@testable import LocalModel

@Suite struct EmbeddingTests {
    @Test func aVectorHasLengthOne() {
        var embedding = Embedding(values: [3, 0, 4])
        embedding.normalize()
        #expect(embedding.values == [0.6, 0, 0.8])
        var nothing = Embedding(values: [0, 0])
        nothing.normalize()
        #expect(nothing.values == [0, 0])
    }

    @Test(arguments: 0...5) func base64IsThatOfFoundation(_ count: Int) {
        let values = (0..<count).map { Float($0) * 1.5 - 2 }
        let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        #expect(String(decoding: Embedding(values: values).base64, as: UTF8.self) == Data(bytes).base64EncodedString())
    }

    @Test func aPackHasWholeTextsInOrder() {
        var packer = EmbeddingPacker(tokens: 10, texts: 3)
        for (index, count) in [4, 6, 1, 1, 1, 1, 9].enumerated() {
            packer.submit(.init(request: UInt64(index % 2), index: index, tokens: Array(repeating: 7, count: count)))
        }
        #expect(packer.next().map(\.index) == [0, 1])
        packer.cancel(1)
        #expect(packer.next().map(\.index) == [2, 4])
        #expect(packer.next().map(\.index) == [6])
        #expect(packer.isEmpty && packer.next().isEmpty)
    }

    @Test(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh"))
    func aTextHasTheSameEmbeddingWhateverIsBesideIt() async throws {
        let instance = try TinyModel.instance(#","embeddings":true,"context":128"#)
        func embed(_ input: String, _ more: String = "") async throws -> [[String: Any]] {
            let answer = try Answer(await instance.execute(TinyModel.call(#"{"input":\#(input)\#(more)}"#, .embedding)))
            #expect(answer.usage["prompt_tokens"] as? Int ?? 0 > 0)
            return try #require(answer.object["data"] as? [[String: Any]])
        }
        let alone = try #require(try await embed(#""The sky is blue.""#)[0]["embedding"] as? [Double])
        #expect(alone.count == 128 && abs(alone.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        let several = try await embed(#"["Grass","The sky is blue.","A story"]"#)
        let beside = try #require(several[1]["embedding"] as? [Double])
        #expect(zip(alone, beside).allSatisfy { abs($0 - $1) < 1e-3 })
        let other = try #require(several[0]["embedding"] as? [Double])
        #expect(zip(alone, other).reduce(0) { $0 + $1.0 * $1.1 } < 0.999)
        let encoded = try await embed(#""The sky is blue.""#, #","encoding_format":"base64""#)
        let bytes = try #require(Data(base64Encoded: encoded[0]["embedding"] as? String ?? ""))
        #expect(bytes.count == 128 * 4)
        // The same instance still answers questions.
        #expect(try Answer(await instance.execute(TinyModel.question("Goodbye."))).text == "Goodbye! See you soon.")
        let long = "\"" + String(repeating: "word ", count: 200) + "\""
        #expect(
            refusal(await instance.execute(TinyModel.call(#"{"input":\#(long)}"#, .embedding)))?.errorClass
                == .invalidRequest)
        #expect(
            refusal(await instance.execute(TinyModel.call(#"{"input":"a","dimensions":7}"#, .embedding)))?.errorClass
                == .unsupported)
    }
}
