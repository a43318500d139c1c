import Domain
import Foundation
import Testing

@Suite struct JSONStringTests {
    @Test(arguments: [
        (#""#, ""), (#"plain"#, "plain"), (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{08}\u{0C}\n\r\t"),
        (#"\u0041\u00e9\u20AC"#, "Aé€"),
        (#"\ud83d\ude00!"#, "😀!"), (#"\uDBFF\uDFFF"#, "\u{10FFFF}"), (#"\u0000"#, "\u{0}"), ("é€😀", "é€😀"),
        (#"\\u0041"#, #"\u0041"#),
    ])
    func unescapes(contents: String, expected: String) throws {
        #expect(try JSONString.unescape(Array(contents.utf8).span) == expected)
    }

    @Test(arguments: [
        (#"\"#, JSONScanError.Code.unexpectedEnd), (#"\x"#, .invalidEscape), (#"\ud800"#, .loneSurrogate),
        (#"a"b"#, .trailingBytes),
        ("\n", .controlCharacter),
    ])
    func refusesWhatNoStringContains(contents: String, code: JSONScanError.Code) {
        #expect { _ = try JSONString.unescape(Array(contents.utf8).span) } throws: {
            ($0 as? JSONScanError)?.code == code
        }
    }

    @Test func escapesOnlyWhatMustBe() {
        var text: [UInt8] = []
        JSONString.append("a\"b\\c\u{08}\t\n\u{0C}\r\u{0}\u{1F}\u{7F}é😀/", to: &text)
        #expect(String(decoding: text, as: UTF8.self) == #""a\"b\\c\b\t\n\f\r\u0000\u001f"# + "\u{7F}é😀/\"")
    }

    @Test func everyStringComesBack() throws {
        var random = SeededGenerator(seed: 7)
        let alphabet: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "\u{0}", "é", "€", "😀", "/", "\u{1F}", "\u{7F}", " "]
        for _ in 0..<2_000 {
            var string = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                string.append(alphabet.randomElement(using: &random) ?? "a")
            }
            var text: [UInt8] = []
            JSONString.append(String(string), to: &text)
            #expect(JSONScannerTests.verdict(text) == nil)
            let contents = Array(text.dropFirst().dropLast())
            #expect(try JSONString.unescape(contents.span).unicodeScalars.elementsEqual(string))
            #expect(
                try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed) as? String
                    == String(string))
        }
    }
}

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
