import Foundation
import JSONText
import Testing

@Suite struct JSONTextTests {
    @Test(arguments: [
        "{}", "[]", " {\"a\" : [1, -0.5e+3, true, false, null, \"x\"] } ", "0", "-0", "1e9", "\"\\u00e9\\n\\/\"",
        "\"é😀\"",
        "\"a long text of more than sixteen bytes, with é in it\"", "[[[[]]]]",
    ])
    func textsAreTaken(text: String) {
        #expect(isOne(Array(text.utf8)))
        #expect(JSONValue(parsing: Array(text.utf8)) != nil)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "01", "-", "1.", ".5", "1e",
        "+1", "tru",
        "nulls", "\"", "\"\\x\"", "\"\\u12g4\"", "\"tab\there, in a text longer than a word\"", "{} {}", "'a'", "NaN",
        "[1 2]",
    ])
    func brokenTextsAreRefused(text: String) {
        #expect(!isOne(Array(text.utf8)))
        #expect(JSONValue(parsing: Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            [0xff], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3],
            [0xe2, 0x82],
            [0xf0, 0x9f, 0x98],
        ] as [[UInt8]])
    func brokenUTF8IsRefused(bytes: [UInt8]) {
        #expect(!isOne([0x22] + bytes + [0x22]))
    }

    @Test func deepTextsAreRefusedNotCrashedOn() {
        #expect(isOne([UInt8](repeating: 0x5b, count: 128) + [UInt8](repeating: 0x5d, count: 128)))
        #expect(!isOne([UInt8](repeating: 0x5b, count: 129) + [UInt8](repeating: 0x5d, count: 129)))
        #expect(!isOne([UInt8](repeating: 0x5b, count: 1_000_000)))
    }

    @Test func anyCutOrChangedByteIsJudgedAsFoundationDoes() throws {
        let text = Array(
            #"{"a":[1,-2.5e3,"é\u00e9\"x"],"b":{"c":null,"d":true},"longer text":"0123456789 0123456789"}"#.utf8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = text
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[place] = UInt8.random(in: 0x20...0x7e, using: &generator)
            // tidy: allow swallowed-error: whether it throws is the answer.
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            // Foundation rejects lone surrogates and takes nothing we refuse.
            if theirs != isOne(bytes), !String(decoding: bytes, as: UTF8.self).contains("\\ud") {
                Issue.record("\(String(decoding: bytes, as: UTF8.self)): theirs \(theirs)")
            }
        }
    }

    @Test func valuesAreRead() throws {
        let value = try #require(
            JSONValue(parsing: Array(#"{"k":"\ud83d\ude00\u00e9\t\ud800x","n":[1,2.5],"o":{"z":null}}"#.utf8)))
        #expect(value["k"] == .string("😀é\t\u{fffd}x"))
        #expect(value["n"] == .array([.number(1), .number(2.5)]))
        #expect(value["o"]?["z"] == .null)
        #expect(value["missing"] == nil)
    }

    @Test func writtenTextsAreReadBack() throws {
        let text = String(String.UnicodeScalarView((UInt32(0)..<0x300).compactMap { Unicode.Scalar($0) }))
        var bytes: [UInt8] = []
        bytes.appendJSONString(text)
        #expect(JSONValue(parsing: bytes) == .string(text))
        for number in [0, 7, -1, 10, 99, 100, Int.max, Int.min] {
            var digits: [UInt8] = []
            digits.appendDecimal(number)
            #expect(String(decoding: digits, as: UTF8.self) == "\(number)")
        }
    }

    private func isOne(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { JSONCursor.isOneValue($0) }
    }
}
