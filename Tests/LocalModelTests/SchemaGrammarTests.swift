import BackendKit
import JSONText
import Testing

@testable import LocalModel

@Suite struct SchemaGrammarTests {
    private func grammar(_ schema: String) throws -> [String] {
        let value = try #require(JSONValue(parsing: Array(schema.utf8)))
        return try SchemaGrammar.text(for: value).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        (#"{"type":"integer"}"#, "root ::= integer"),
        (#"true"#, "root ::= value"),
        (#"{"description":"anything"}"#, "root ::= value"),
        (#"{"const":"a\"b"}"#, #"root ::= "\"a\\\"b\"""#),
        (#"{"enum":[1,2.5,null]}"#, #"root ::= "1" | "2.5" | "null""#),
        (#"{"type":"string","minLength":2}"#, #"root ::= "\"" char{2,} "\"""#),
        (#"{"type":["null","string"]}"#, #"root ::= (null) | (string)"#),
        (
            #"{"type":"array","items":{"type":"null"},"maxItems":2}"#,
            #"root ::= "[" space (null ("," space null){0,1})? space "]""#
        ),
        (#"{"type":"array","maxItems":0}"#, #"root ::= "[" space "]""#),
        (#"{"type":"object"}"#, "root ::= object"),
        (#"{"type":"object","additionalProperties":false}"#, #"root ::= "{" space "}""#),
        (
            #"{"properties":{"a":{"type":"null"}},"required":["a"]}"#,
            #"root ::= "{" space "\"a\"" ":" space null space "}""#
        ),
    ]) func aSchemaHasItsRule(_ schema: String, _ rule: String) throws {
        #expect(try grammar(schema).contains(rule))
    }

    @Test func whatMayBeLeftOutTakesItsCommaAlong() throws {
        let lines = try grammar(#"{"properties":{"a":{"type":"null"},"b":{"type":"null"}},"required":["b"]}"#)
        let root = try #require(lines.first { $0.hasPrefix("root ::=") })
        #expect(root.contains(#"("\"a\"" ":" space null rest-0-1 | "\"b\"" ":" space null)"#))
        #expect(lines.contains(#"rest-0-1 ::= "," space "\"b\"" ":" space null"#))
    }

    @Test func aSchemaMaySpeakOfItself() throws {
        let lines = try grammar(
            ##"{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}}}"##
        )
        #expect(lines.contains("root ::= ref-0"))
        #expect(lines.contains { $0.hasPrefix("ref-0 ::=") })
    }

    @Test(arguments: [
        #"{"type":"string","pattern":"a+"}"#, #"{"type":"number","minimum":3}"#, #"{"allOf":[{}]}"#, #"{"not":{}}"#,
        #"{"properties":{},"additionalProperties":true}"#, #"{"type":"object","additionalProperties":{"type":"null"}}"#,
    ]) func whatWouldNotBeKeptIsRefused(_ schema: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try grammar(schema) }
        #expect(failure.errorClass == .unsupported)
    }

    @Test(arguments: [
        "3", #"{"type":"colour"}"#, #"{"type":7}"#, #"{"enum":[]}"#, #"{"$ref":"http://a/b"}"#,
        #"{"required":["a"],"type":"object"}"#,
        #"{"type":"array","minItems":3,"maxItems":2}"#, #"{"type":"array","maxItems":100000}"#,
        #"{"properties":{"a":{}},"required":["b"]}"#,
    ]) func whatIsNoSchemaIsRefused(_ schema: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try grammar(schema) }
        #expect(failure.errorClass == .invalidRequest)
    }

    @Test func aDeepOrLargeSchemaIsRefused() throws {
        let deep = String(repeating: #"{"type":"array","items":"#, count: 40) + "{}" + String(repeating: "}", count: 40)
        #expect(throws: BackendFailure.self) { try grammar(deep) }
        let members = (0..<2_500).map { #""p\#($0)":{"type":"null"}"# }.joined(separator: ",")
        #expect(throws: BackendFailure.self) { try grammar(#"{"properties":{\#(members)}}"#) }
    }
}
