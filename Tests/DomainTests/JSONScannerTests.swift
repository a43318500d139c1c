import Domain
import Testing

/// The grammar, by the categories every JSON test collection has: what must be accepted and what must be refused.
@Suite struct JSONScannerTests {
    static func verdict(_ text: some Collection<UInt8>, depth: Int = 128) -> JSONScanError? {
        var scanner = JSONScanner(maximumDepth: depth)
        do {
            try scanner.scan(Array(text).span)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        // Structures.
        "[]", "{}", " [ ] ", "\t{\r\n}\n", "[[]]", "[[],[[]]]", #"[""]"#, #"{"":0}"#, #"{"a":{}}"#, #"{"a":[]}"#,
        "[1,2,3]",
        #"{"a":1,"b":2}"#, #"{"a":1,"a":1}"#, "[1 ]", "[1\n, 2]", #"{ "a" : 1 , "b" : [ 2 ] }"#,
        // Values alone.
        "null", "true", "false", "0", "-0", "42", #""""#, #""a""#, " 1 ", "\n\"a\"\n",
        // Numbers.
        "[-0]", "[0.1]", "[1e1]", "[1E+2]", "[1e-2]", "[0e+1]", "[0E0]", "[-1]", "[-0.0]", "[123.456e78]", "[1e400]",
        "[123456789012345678901234567890]", "[0.00000000000000000000000000000000000000000000001]", "[20e1]",
        // Strings.
        #"["\"\\\/\b\f\n\r\t"]"#, #"["\u0041"]"#, #"["\u00e9\u20AC"]"#, #"["\ud83d\ude00"]"#, #"["\uDBFF\uDFFF"]"#,
        #"["\u0000"]"#,
        #"["\u002c\u0022"]"#, "[\"\u{7F}\"]", "[\"é€😀\"]", "[\"\u{2028}\u{2029}\"]", "[\"\u{FEFF}\"]",
        "[\"\u{10FFFF}\u{FFFF}\"]",
        #"["a/b"]"#, #"["\\u0041"]"#, #"["'"]"#, #"{"\u0061":1}"#,
    ])
    func accepts(text: String) {
        #expect(Self.verdict(text.utf8) == nil)
    }

    @Test(arguments: [
        ("", JSONScanError.Code.empty), (" \n", .empty), ("[", .unexpectedEnd), ("{", .unexpectedEnd),
        ("[1", .unexpectedEnd),
        ("[1,", .unexpectedEnd), (#"{"a""#, .unexpectedEnd), (#"{"a":"#, .unexpectedEnd), (#"{"a":1"#, .unexpectedEnd),
        (#"{"a":1,"#, .unexpectedEnd), (#"["a"#, .unexpectedEnd), (#""\"#, .unexpectedEnd), (#"""#, .unexpectedEnd),
        ("[,]", .expectedValue), ("[1,]", .expectedValue), ("[,1]", .expectedValue), ("[1,,2]", .expectedValue),
        ("]", .expectedValue),
        ("}", .expectedValue), (":", .expectedValue), ("[}", .expectedValue), (#"{"a":}"#, .expectedValue),
        ("'a'", .expectedValue),
        ("+1", .expectedValue), (".5", .expectedValue), ("NaN", .expectedValue), ("Infinity", .expectedValue),
        ("TRUE", .expectedValue),
        ("\u{FEFF}[]", .expectedValue), ("[\u{A0}1]", .expectedValue), ("\u{0C}[]", .expectedValue),
        ("[\u{0B}]", .expectedValue),
        ("/**/1", .expectedValue), ("undefined", .expectedValue), ("\u{0}", .expectedValue), ("<1>", .expectedValue),
        ("{1:2}", .expectedName), ("{a:1}", .expectedName), ("{'a':1}", .expectedName), (#"{"a":1,}"#, .expectedName),
        ("{,}", .expectedName), ("{]", .expectedName), ("{null:1}", .expectedName), ("{[]:1}", .expectedName),
        (#"{"a" 1}"#, .expectedColon), (#"{"a","b"}"#, .expectedColon), (#"{"a"}"#, .expectedColon),
        (#"{"a"=1}"#, .expectedColon),
        ("[1 2]", .expectedCommaOrEnd), ("[1}", .expectedCommaOrEnd), (#"{"a":1]"#, .expectedCommaOrEnd),
        ("[1:2]", .expectedCommaOrEnd),
        (#"{"a":1:2}"#, .expectedCommaOrEnd), (#"{"a":1 "b":2}"#, .expectedCommaOrEnd),
        (#"["a"b]"#, .expectedCommaOrEnd),
        ("[1;2]", .expectedCommaOrEnd), ("[1e5x]", .expectedCommaOrEnd), ("[0x1]", .expectedCommaOrEnd),
        ("[1\u{0}]", .expectedCommaOrEnd),
        ("[] []", .trailingBytes), ("{}}", .trailingBytes), ("1 2", .trailingBytes), ("[]#", .trailingBytes),
        (#""a"b"#, .trailingBytes),
        ("[]\u{0}", .trailingBytes), ("null,", .trailingBytes), ("[],", .trailingBytes), ("[]//x", .trailingBytes),
        ("tru", .invalidLiteral), ("nul]", .invalidLiteral), ("falsE", .invalidLiteral), ("[nan]", .invalidLiteral),
        ("[tRue]", .invalidLiteral),
        ("-", .invalidNumber), ("[01]", .invalidNumber), ("[-01]", .invalidNumber), ("[1.]", .invalidNumber),
        ("[1.e1]", .invalidNumber),
        ("[1e]", .invalidNumber), ("[1e+]", .invalidNumber), ("[-a]", .invalidNumber), ("[--1]", .invalidNumber),
        ("[-.5]", .invalidNumber),
        ("[00]", .invalidNumber), ("[1.2e]", .invalidNumber), ("[1eE2]", .invalidNumber),
        ("[-Infinity]", .invalidNumber), ("[0.]", .invalidNumber),
        ("[\"\n\"]", .controlCharacter), ("[\"\t\"]", .controlCharacter), ("[\"a\u{0}b\"]", .controlCharacter),
        ("[\"\u{1F}\"]", .controlCharacter),
        (#"["\x41"]"#, .invalidEscape), (#"["\a"]"#, .invalidEscape), (#"["\u00"]"#, .invalidEscape),
        (#"["\u00G0"]"#, .invalidEscape),
        (#"["\U0041"]"#, .invalidEscape), (#"["\'"]"#, .invalidEscape), (#"["\0"]"#, .invalidEscape),
        ("[\"\\\u{E9}\"]", .invalidEscape),
        (#""\u12"#, .invalidEscape), (#"["\u+123"]"#, .invalidEscape),
        (#"["\ud800"]"#, .loneSurrogate), (#"["\udc00"]"#, .loneSurrogate), (#"["\ud800\u0041"]"#, .loneSurrogate),
        (#"["\ud800\ud800"]"#, .loneSurrogate), (#"["\ud800x"]"#, .loneSurrogate), (#"["\ud800\n"]"#, .loneSurrogate),
        (#"["\udfff\ud800"]"#, .loneSurrogate),
    ])
    func refuses(text: String, code: JSONScanError.Code) {
        #expect(Self.verdict(text.utf8)?.code == code)
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xE2, 0x82, 0x28],
            [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func refusesWhatIsNotUTF8(bytes: [UInt8]) {
        for padding in 0...9 {
            let text = Array("[\"".utf8) + Array(repeating: 0x61, count: padding) + bytes + Array("\"]".utf8)
            #expect(Self.verdict(text) == JSONScanError(.invalidUTF8, at: 2 + padding))
        }
        #expect(Self.verdict(Array("\"".utf8) + bytes)?.code == .invalidUTF8)
        #expect(Self.verdict(bytes)?.code == .expectedValue)
    }

    /// UTF-8's every scalar at the edges of its lengths passes.
    @Test func acceptsEveryLengthOfCharacter() {
        for scalar in [0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0xFFFFF, 0x10FFFF]
            as [UInt32]
        {
            let character = Unicode.Scalar(scalar).map(String.init) ?? ""
            #expect(Self.verdict("\"\(character)\"".utf8) == nil)
        }
    }

    @Test func refusesTheContainerThatIsTooDeep() {
        func nested(_ depth: Int) -> [UInt8] {
            Array(String(repeating: "[", count: depth).utf8) + Array(String(repeating: "]", count: depth).utf8)
        }
        #expect(Self.verdict(nested(128)) == nil)
        #expect(Self.verdict(nested(129)) == JSONScanError(.tooDeep, at: 128))
        #expect(Self.verdict(nested(3), depth: 3) == nil)
        #expect(Self.verdict(nested(4), depth: 3) == JSONScanError(.tooDeep, at: 3))
        #expect(Self.verdict(Array(repeating: 0x5B, count: 10_000_000))?.code == .tooDeep)
        #expect(Self.verdict(String(repeating: #"{"a":"#, count: 1_000_000).utf8)?.code == .tooDeep)
        let deep = String(repeating: #"{"a":["#, count: 50_000) + String(repeating: "]}", count: 50_000)
        #expect(Self.verdict(deep.utf8, depth: 100_000) == nil)
    }

    @Test func acceptsHugeStringsAndArrays() {
        let text = Array(repeating: UInt8(ascii: "x"), count: 20_000_000)
        #expect(Self.verdict([0x22] + text + [0x22]) == nil)
        #expect(Self.verdict([0x22] + text) == JSONScanError(.unexpectedEnd, at: text.count + 1))
        #expect(Self.verdict(("[" + String(repeating: "0,", count: 1_000_000) + "0]").utf8) == nil)
    }

    @Test func refusesEveryControlByteInsideStringsWhereverItIs() {
        for byte in UInt8.min...UInt8.max {
            for position in 0..<20 {
                var text = Array("\"0123456789012345678\"".utf8)
                text.insert(byte, at: position + 1)
                let error = Self.verdict(text)
                switch byte {
                case 0..<0x20: #expect(error == JSONScanError(.controlCharacter, at: position + 1))
                case 0x22: #expect(error?.code == .trailingBytes)
                case 0x5C: #expect(error != nil)
                case 0x80...: #expect(error == JSONScanError(.invalidUTF8, at: position + 1))
                default: #expect(error == nil)
                }
            }
        }
    }

    @Test func everyErrorIsOneSentence() {
        for code in JSONScanError.Code.allCases {
            let text = JSONScanError(code, at: 4).description
            #expect(text.hasSuffix(".") && !text.dropLast().contains("."))
        }
    }
}
