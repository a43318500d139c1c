import Domain
import Testing

@Suite struct JSONElementsTests {
    private func elements(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        return try JSONElements.ranges(of: bytes.span, maximumDepth: 8).map {
            String(decoding: bytes[$0], as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("[]", []),
        (" [ ] ", []),
        ("[1]", ["1"]),
        ("[1,2 , 3 ]", ["1", "2", "3"]),
        (#"["a,b","]","\"","\\"]"#, [#""a,b""#, #""]""#, #""\"""#, #""\\""#]),
        (#"[{"a":[1,2]},[[],{}],null]"#, [#"{"a":[1,2]}"#, "[[],{}]", "null"]),
        ("[\n\t{}\n,\n{}\n]\n", ["{}", "{}"]),
    ])
    func `elements are where they are`(text: String, wanted: [String]) throws {
        #expect(try elements(text) == wanted)
    }

    @Test(arguments: ["", "{}", "1", "[1,]", "[1", "[1]]", "[[[[[[[[[1]]]]]]]]]"])
    func `what is no array is refused`(text: String) {
        #expect(throws: JSONScanError.self) { try elements(text) }
    }
}
