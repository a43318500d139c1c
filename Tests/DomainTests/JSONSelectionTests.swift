import Domain
import Testing

@Suite struct JSONSelectionTests {
    private func text(_ source: String, _ range: Range<Int>?) -> String? {
        range.map { String(decoding: Array(source.utf8)[$0], as: UTF8.self) }
    }

    @Test func findsMembersWithoutDecodingThem() throws {
        let line =
            #" {"custom_id": "a\n1", "body": {"x": {"model": 1}, "model" : "m", "messages":[ ], "n":-1.5e3}, "z": null} "#
        var scanner = JSONScanner(selecting: [
            ["custom_id"], ["body", "model"], ["body"], ["method"], ["body", "messages"], ["z"],
        ])
        try scanner.scan(Array(line.utf8).span)
        #expect(scanner.root == .object)
        #expect(text(line, scanner[0]?.range) == #""a\n1""#)
        #expect(text(line, scanner[0]?.contents) == #"a\n1"#)
        #expect(scanner[0]?.hasEscapes == true)
        #expect(text(line, scanner[1]?.contents) == "m")
        #expect(scanner[1]?.hasEscapes == false)
        #expect(text(line, scanner[2]?.range)?.hasPrefix(#"{"x""#) == true)
        #expect(text(line, scanner[2]?.range)?.hasSuffix("e3}") == true)
        #expect(scanner[3] == nil)
        #expect(scanner[4]?.kind == .array && scanner[4]?.isEmpty == true)
        #expect(scanner[5]?.kind == .null)
    }

    @Test func selectsChildrenOfParentsNobodySelected() throws {
        var scanner = JSONScanner(selecting: [["a", "b", "c"], ["a", "d"]])
        try scanner.scan(Array(#"{"a":{"b":{"c":[1]},"d":true}}"#.utf8).span)
        #expect(scanner[0]?.range == 15..<18 && scanner[0]?.isEmpty == false)
        #expect(scanner[1]?.kind == .bool)
    }

    @Test func forgetsTheScanBefore() throws {
        var scanner = JSONScanner(selecting: [["a"]])
        try scanner.scan(Array(#"{"a":"\u0000"}"#.utf8).span)
        #expect(scanner[0] != nil && scanner.escapedNUL == 6)
        try scanner.scan(Array("{}".utf8).span)
        #expect(scanner[0] == nil && scanner.escapedNUL == nil)
        #expect(throws: JSONScanError(.unexpectedEnd, at: 1)) { try scanner.scan(Array("{".utf8).span) }
        #expect(scanner.root == nil)
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"b":{"c":1,"c":1}}"#, #"{"b":{},"b":{}}"#,
        #"{"a":null,"x":[],"a":null}"#,
    ])
    func refusesASelectedMemberThatIsThereTwice(source: String) {
        var scanner = JSONScanner(selecting: [["a"], ["b", "c"]])
        #expect { try scanner.scan(Array(source.utf8).span) } throws: {
            ($0 as? JSONScanError)?.code == .duplicateMember
        }
    }

    @Test(arguments: [
        #"{"x":1,"x":2}"#, #"{"c":1,"c":2}"#, #"{"b":[{"c":1},{"c":1}]}"#, #"[{"a":1,"a":1}]"#, #"{"b":{"a":1,"a":1}}"#,
        #"{"A":1,"a":2}"#,
    ])
    func leavesOtherMembersAlone(source: String) throws {
        var scanner = JSONScanner(selecting: [["a"], ["b", "c"]])
        try scanner.scan(Array(source.utf8).span)
        #expect(scanner[1] == nil)
    }

    @Test func knowsANameWrittenWithEscapes() throws {
        var scanner = JSONScanner(selecting: [["custom_id"]])
        try scanner.scan(Array(#"{"custom\u005Fid":7}"#.utf8).span)
        #expect(scanner[0]?.kind == .number)
    }
}
