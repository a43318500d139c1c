import Domain

/// Reads the requests of a checked file again, as bytes at the places the check found, in the memory of one buffer.
///
/// What it returns is what was checked: every block of the file is compared with its hash before anything in it is used.
public struct RequestReader: Sendable {
    private let index: BatchIndex
    private var buffer: LineBuffer
    private var place = 0
    /// The line of the request in hand, in the buffer.
    private var line = 0

    init(_ file: BatchFile, _ index: BatchIndex) {
        self.index = index
        buffer = LineBuffer(file, expecting: index.blocks)
    }

    /// How many requests were read or passed over.
    public var count: Int { place }

    /// The request in hand as a value of its own; not before `advance()` returned true.
    public var request: BatchLine {
        withText { id, body in
            BatchLine(
                number: Int(entry.number), customID: String(decoding: Self.decoded(id, entry), as: UTF8.self),
                kind: index.kind ?? .chat, model: model, body: body.withUnsafeBufferPointer { Array($0) })
        }
    }

    /// The model of the request in hand.
    public var model: String { index.models[Int(entry.model)] }

    /// Calls `body` with the UTF-8 of the client's name of the request in hand, and the request itself byte for byte as it
    /// is in the file.
    public func withRequest<Answer>(_ body: (_ customID: Span<UInt8>, _ request: Span<UInt8>) -> Answer) -> Answer {
        withText { id, text in
            guard entry.hasEscapes else { return body(id, text) }
            return body(Self.decoded(id, entry).span, text)
        }
    }

    /// Goes to the next request; false after the last.
    ///
    /// - Throws: `changed` when the file is not what was checked.
    public mutating func advance() throws(BatchFileError) -> Bool {
        guard place < index.count else { return false }
        place += 1
        line = try buffer.find(entry.line..<entry.line + Int64(entry.body.upperBound))
        return true
    }

    /// Passes over requests until `count` were.
    public mutating func skip(to count: Int) { place = max(place, min(count, index.count)) }

    /// Reads what the check read behind the last request.
    ///
    /// - Throws: `changed` when the file is not what was checked.
    public mutating func finish() throws(BatchFileError) { try buffer.readExpected() }

    private var entry: BatchIndex.Entry { index.entries[place - 1] }

    /// Calls `body` with the name as it is written, and the request.
    private func withText<Answer>(_ body: (Span<UInt8>, Span<UInt8>) -> Answer) -> Answer {
        let text = buffer.bytes.span.extracting(line...)
        func part(_ range: Range<UInt32>) -> Range<Int> { Int(range.lowerBound)..<Int(range.upperBound) }
        return body(text.extracting(part(entry.customID)), text.extracting(part(entry.body)))
    }

    private static func decoded(_ id: Span<UInt8>, _ entry: BatchIndex.Entry) -> [UInt8] {
        id.withUnsafeBufferPointer { entry.hasEscapes ? JSONString.unescapedBytes($0) : Array($0) }
    }
}
