import Domain
import Terminal
import Testing

@Suite struct TextTests {
    @Test(arguments: [
        ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("한", 2), ("😀", 2), ("👨‍👩‍👧", 2), ("🇩🇪", 2), ("❤️", 2),
        ("\u{200B}", 0), ("ﬀ", 1), ("Ａ", 2),
        ("–…━", 3), ("\u{1B}", 0),
    ])
    func knowsItsColumns(text: String, columns: Int) {
        #expect(text.columns == columns)
    }

    @Test func isCutByColumns() {
        #expect("abcdef".truncated(to: 6) == "abcdef")
        #expect("abcdef".truncated(to: 4) == "abc…")
        #expect("日本語".truncated(to: 5) == "日本…")
        #expect("日本語".truncated(to: 4) == "日…")
        #expect("abc".truncated(to: 1) == "…")
        #expect("abc".truncated(to: 0) == "")
    }

    @Test func showsNothingATerminalObeys() {
        #expect("a\nb\tc".printable == "a b c")
        #expect("\u{1B}]0;x\u{07}\u{9B}2J\u{202E}".printable == "\u{FFFD}]0;x\u{FFFD}\u{FFFD}2J\u{FFFD}")
        #expect("zwölf 😀 👨‍👩‍👧".printable == "zwölf 😀 👨‍👩‍👧")
    }

    @Test func tablesAlign() {
        var table = TextTable([
            .init("JOB", key: "id"), .init("STATE", key: "state"), .init("TOOK", key: "took_seconds"),
        ])
        table.append([.count(1_000), .word("succeeded"), .duration(.milliseconds(20))])
        table.append([.count(7), .word("failed"), .none])
        #expect(
            table.lines() == ["  JOB  STATE         TOOK", "1,000  succeeded  20.0 ms", "    7  failed           –"])
        #expect(
            table.json.map(\.text) == [
                #"{"id": 1000, "state": "succeeded", "took_seconds": 0.02}"#,
                #"{"id": 7, "state": "failed", "took_seconds": null}"#,
            ]
        )
        #expect(table.lines(palette: Palette(isOn: true))[2].contains("\u{1B}[31mfailed\u{1B}[0m"))
    }

    @Test func tablesGiveWayWhereTheyMay() {
        var table = TextTable([
            .init("ID", key: "id"), .init("NAME", key: "name", canShrink: true),
            .init("ERROR", key: "error", canShrink: true),
        ])
        table.append([
            .count(1), .text("a name of some length"), .text("日本語 " + String(repeating: "very long ", count: 20)),
        ])
        for width in [200, 80, 60, 40, 24] {
            let lines = table.lines(width: width)
            #expect(lines.allSatisfy { $0.columns <= width })
        }
        #expect(table.lines(width: 5).allSatisfy { $0.columns == 22 || !$0.contains("…") })
        #expect(table.lines(width: 60)[1].contains("a name of some length"))
        #expect(TextTable([.init("A", key: "a")]).lines() == ["A"])
    }

    @Test func factsAlign() {
        var facts = FactList()
        facts.append("State", key: "state", .word("queued"))
        facts.append("Body", key: "body", .json(Array("{\"a\":\n1}".utf8)))
        facts.append("Größe", key: "size_bytes", .bytes(2_048))
        #expect(facts.lines() == ["State  queued", #"Body   {"a": 1}"#, "Größe  2.0 KiB"])
        #expect(facts.lines(width: 15)[1] == #"Body   {"a": 1}"#)
        #expect(facts.json.text == #"{"state": "queued", "body": {"a": 1}, "size_bytes": 2048}"#)
    }

    @Test func jsonIsTyped() {
        let value: JSONOutput = [
            "a": 1, "b": 1.5, "c": [true, nil, "x\n"], "d": .number(.infinity), "e": .number(3),
            "f": .raw(Array("{oops".utf8)), "g": [],
        ]
        #expect(
            value.text == #"{"a": 1, "b": 1.5, "c": [true, null, "x\n"], "d": null, "e": 3, "f": "{oops", "g": []}"#)
    }

    @Test func cellsHaveTwoTexts() {
        let cells: [Cell] = [
            .none, .text("a\nb"), .flag(true), .number(1.25, decimals: 1), .rate(0.5), .share(0.125),
            .time(UTCTime(unixMicroseconds: 0)),
        ]
        #expect(cells.map(\.text) == ["–", "a b", "yes", "1.3", "0.50/s", "12.5%", "1970-01-01 00:00:00Z"])
        #expect(
            cells.map(\.json.text) == [
                "null", #""a\nb""#, "true", "1.25", "0.5", "0.125", #""1970-01-01T00:00:00.000000Z""#,
            ])
    }
}
