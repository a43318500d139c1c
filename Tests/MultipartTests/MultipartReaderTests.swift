import Multipart
import Testing

struct MultipartReaderTests {
    private static let type = "multipart/form-data; boundary=XX"

    /// A part as a form holds it, put together.
    private struct Field: Equatable {
        var part: MultipartPart
        var content: [UInt8] = []
        var isEnded = false
    }

    /// What a reader makes of `text`, given to it in the pieces that end at `cuts`.
    private static func fields(
        _ text: [UInt8], cuts: [Int] = [], type: String = type, limits: MultipartReader.Limits = .init()
    ) throws(MultipartError) -> [Field] {
        var reader = try MultipartReader(contentType: type, limits: limits)
        var fields: [Field] = []
        var start = 0
        for end in cuts + [text.count] {
            reader.append(text[start..<end])
            start = end
            while let event = try reader.next() {
                switch event {
                case .part(let part): fields.append(Field(part: part))
                case .content(let bytes): fields[fields.count - 1].content += bytes
                case .endOfPart: fields[fields.count - 1].isEnded = true
                }
            }
        }
        try reader.finish()
        return fields
    }

    private static func code(of text: String, _ limits: MultipartReader.Limits = .init()) -> MultipartError.Code? {
        do {
            _ = try fields(Array(text.utf8), limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    private static func part(_ head: String, _ content: String) -> String { "--XX\r\n\(head)\r\n\r\n\(content)\r\n" }

    private static let named = "Content-Disposition: form-data; name=a"

    private static let form =
        part("Content-Disposition: form-data; name=\"purpose\"", "batch")
        + part(
            "content-disposition:form-data; filename=\"a \\\"b\\\";\\\\c.jsonl\"; name=file\r\nContent-Type: a/b",
            "line\r\n\r\n--X\r--XXY\n\r\n-\r\n--")
        + part("Content-Disposition: form-data; name=\"ä\"", "") + "--XX--\r\nbye"

    private static let parsed = [
        Field(part: MultipartPart(name: "purpose"), content: Array("batch".utf8), isEnded: true),
        Field(
            part: MultipartPart(name: "file", filename: "a \"b\";\\c.jsonl"),
            content: Array("line\r\n\r\n--X\r--XXY\n\r\n-\r\n--".utf8), isEnded: true),
        Field(part: MultipartPart(name: "ä"), isEnded: true),
    ]

    @Test func `a form is divided into its parts`() throws {
        #expect(try Self.fields(Array(Self.form.utf8)) == Self.parsed)
        #expect(try Self.fields(Array("a preamble\r\n\(Self.form)".utf8)) == Self.parsed)
        #expect(try Self.fields(Array("--XX--".utf8)) == [])
    }

    @Test func `how it is cut makes no difference`() throws {
        let text = Array("\r\n\(Self.form)".utf8)
        for cut in 0...text.count { #expect(try Self.fields(text, cuts: [cut]) == Self.parsed) }
        #expect(try Self.fields(text, cuts: Array(0..<text.count)) == Self.parsed)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `whatever the content, what was put in comes out`(seed: UInt64) throws {
        var random = Seeded(state: seed)
        // Bytes of which boundaries are made, so that much looks like one.
        let letters = Array("\r\n-Xa".utf8)
        let contents = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            (0..<Int.random(in: 0...200, using: &random)).map { _ in letters[Int.random(in: 0..<5, using: &random)] }
        }
        // A boundary that the contents cannot hold: they have no underscore.
        let boundary = "X_X"
        var text: [UInt8] = []
        for (index, content) in contents.enumerated() {
            text += Array("--\(boundary) \t\r\nContent-Disposition: form-data; name=\"\(index)\"\r\n\r\n".utf8)
            text += content + [0x0D, 0x0A]
        }
        text += Array("--\(boundary)--".utf8)
        let cuts = (0..<Int.random(in: 0...40, using: &random)).map { _ in
            Int.random(in: 0...text.count, using: &random)
        }
        let fields = try Self.fields(text, cuts: cuts.sorted(), type: "Multipart/Form-Data; boundary=\"\(boundary)\"")
        #expect(fields.map(\.content) == contents)
        #expect(fields.map(\.part.name) == contents.indices.map(String.init))
        #expect(fields.map(\.isEnded) == contents.map { _ in true })
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `garbage is refused or read, however it is cut`(seed: UInt64) {
        var random = Seeded(state: seed)
        var text = Array(Self.form.utf8)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        func outcome(_ cuts: [Int]) -> Result<[Field], MultipartError> {
            do { return .success(try Self.fields(text, cuts: cuts)) } catch { return .failure(error) }
        }
        let whole = outcome([])
        #expect(outcome(Array(0..<text.count)) == whole)
    }

    @Test(
        arguments: [
            ("", .truncated), ("--XX", .truncated), ("--XX\r\n", .truncated), ("--X", .truncated),
            (form.replacing("--XX--", with: "--XX-"), .invalidBoundary),
            ("--XXX\r\n", .invalidBoundary), ("--XX \r\r", .invalidBoundary),
            (part("", "a"), .unnamedPart), (part("Content-Disposition: attachment; name=a", "a"), .unnamedPart),
            (part("Content-Disposition: form-data; name=", "a"), .unnamedPart),
            (part("Content-Disposition: form-data", "a"), .unnamedPart),
            (part("no field", "a"), .invalidHead), (part(": b", "a"), .invalidHead),
            (part("a b: c", "a"), .invalidHead), (part("\(named)\r\n\(named)", ""), .invalidHead),
            (part("\(named)\r\nA: \(String(repeating: "a", count: 9_000))", ""), .headTooLong),
            ("--XX\r\n\(String(repeating: "A: b\r\n", count: 2_000))", .headTooLong),
            (String(repeating: "a", count: 10_000), .preambleTooLong),
            (String(repeating: part(named, ""), count: 33), .tooManyParts),
        ] as [(String, MultipartError.Code)])
    func `what is wrong is said`(text: String, expected: MultipartError.Code) {
        #expect(Self.code(of: text) == expected)
    }

    @Test(
        arguments: [
            ("application/json", .notMultipart), ("", .notMultipart), ("multipart/form-data", .invalidBoundary),
            ("multipart/form-data; boundary=", .invalidBoundary),
            ("multipart/form-data; boundary=\"a \"", .invalidBoundary),
            ("multipart/form-data; boundary=\(String(repeating: "a", count: 71))", .invalidBoundary),
            ("multipart/form-data; boundary=ä", .invalidBoundary),
        ] as [(String, MultipartError.Code)])
    func `a header without a usable boundary is refused`(type: String, expected: MultipartError.Code) {
        #expect(throws: MultipartError(expected)) { try MultipartReader(contentType: type) }
    }
}

/// Numbers that are the same for the same seed (SplitMix64: Steele, Lea, Flood 2014).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
