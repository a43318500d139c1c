import BatchFile
import Testing

@Suite struct CopyTextTests {
    @Test func dividesFieldsAndRows() {
        var rows = CopyText()
        rows.append("a")
        rows.append(-7)
        rows.appendNull()
        rows.append("")
        rows.endRow()
        rows.appendNull()
        rows.endRow()
        #expect(String(decoding: rows.bytes, as: UTF8.self) == "a\t-7\t\\N\t\n\\N\n")
        rows.removeAll()
        rows.append("b")
        #expect(String(decoding: rows.bytes, as: UTF8.self) == "b")
    }

    @Test(arguments: [
        ("a\tb", "a\\tb"), ("a\nb", "a\\nb"), ("a\r\nb", "a\\r\\nb"), ("\\", "\\\\"), ("\\N", "\\\\N"),
        ("\\.", "\\\\."),
        ("{\"a\": \"\\n\"}", "{\"a\": \"\\\\n\"}"), ("zwölf 😀", "zwölf 😀"),
        ("\u{01}\u{1F}\u{7F}", "\u{01}\u{1F}\u{7F}"),
        ("01234567\t89", "01234567\\t89"), ("\t\n\\", "\\t\\n\\\\"),
    ])
    func escapes(field: String, expected: String) {
        var rows = CopyText()
        rows.append(field)
        #expect(String(decoding: rows.bytes, as: UTF8.self) == expected)
        var spans = CopyText()
        spans.append(Array(field.utf8).span)
        #expect(spans.bytes == rows.bytes)
    }
}
