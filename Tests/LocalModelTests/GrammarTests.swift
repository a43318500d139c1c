import BackendHost
import Domain
import Foundation
import Testing

@testable import LocalModel

/// JSON mode and schemas: what comes out is checked by Foundation's reader.
@Suite(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh")) struct GrammarTests {
    private func answer(_ format: String, seed: Int) async throws -> Answer {
        try Answer(
            await TinyModel.instance().execute(
                TinyModel.call(
                    """
                    {"messages":[{"role":"user","content":"Reply with JSON."}],"temperature":1,"seed":\(seed),
                    "max_tokens":600,"response_format":\(format)}
                    """)))
    }

    private func object(_ answer: Answer) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any], "\(answer.text)")
    }

    @Test func jsonModeGivesAnObject() async throws {
        let greedy = try Answer(
            await TinyModel.instance().execute(
                TinyModel.question("Reply with JSON.", #","response_format":{"type":"json_object"}"#)))
        #expect(try object(greedy)["answer"] as? Int == 42)
    }

    @Test(arguments: 1...6) func anAnswerKeepsItsSchema(_ seed: Int) async throws {
        let schema = """
            {"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{
            "colour":{"enum":["red","green",null]},"count":{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":3},
            "word":{"type":"string","maxLength":6},"nested":{"$ref":"#/$defs/pair"},"left out":{"const":"\\"quoted\\""}},
            "required":["colour","count","nested"],"additionalProperties":false,
            "$defs":{"pair":{"type":"object","properties":{"a":{"type":["null","boolean"]}},"required":["a"]}}}}}
            """
        let answer = try await answer(schema, seed: seed)
        #expect(answer.finish == "stop")
        let object = try object(answer)
        #expect(["red", "green"].contains(object["colour"] as? String) || object["colour"] is NSNull)
        let count = try #require(object["count"] as? [Bool])
        #expect((1...3).contains(count.count))
        #expect((object["word"] as? String ?? "").count <= 6)
        let nested = try #require(object["nested"] as? [String: Any])
        #expect(nested["a"] is NSNull || nested["a"] is Bool)
        #expect(Set(object.keys).isSubset(of: ["colour", "count", "word", "nested", "left out"]))
        if let const = object["left out"] { #expect(const as? String == "\"quoted\"") }
    }

    @Test func aGrammarOfTheRequestIsKept() async throws {
        let answer = try Answer(
            await TinyModel.instance().execute(
                TinyModel.question("Who are you?", #","grammar":"root ::= \"yes\" | \"no\"""#)))
        #expect(["yes", "no"].contains(answer.text))
        let broken = refusal(
            try await TinyModel.instance().execute(TinyModel.question("x", #","grammar":"root ::= ((""#)))
        #expect(broken?.errorClass == .invalidRequest)
        #expect(broken?.message == "the grammar of the request cannot be read")
    }
}
