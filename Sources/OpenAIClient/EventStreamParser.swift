/// Reads server-sent events from bytes as they come, cut anywhere.
///
/// It takes all three line ends, a byte order mark, comments and data over several lines, and keeps to a bound: an event of
/// more than `maximumBytes` (one line is never more than its event) is an error, after which the parser is of no use.
struct EventStreamParser: Sendable {
    /// One event.
    struct Event: Sendable, Hashable {
        /// The name, empty for the usual ones.
        var name: String
        /// The data, lines joined by line feeds.
        var data: [UInt8]
    }

    /// The stream does not keep to the bound.
    struct TooLong: Error {}

    /// The most bytes of an event that has not ended.
    let maximumBytes: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var name = ""
    private var lastWasCarriageReturn = false
    private var isAtStart = true

    /// A parser of events of at most `maximumBytes`.
    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// Takes the next bytes and hands each event they complete to `body`.
    mutating func consume(
        _ bytes: some Collection<UInt8>, _ body: (Event) throws -> Void
    ) throws {
        for byte in bytes {
            let followsCarriageReturn = lastWasCarriageReturn
            lastWasCarriageReturn = byte == 0x0d
            switch byte {
            case 0x0a where followsCarriageReturn: continue
            case 0x0a, 0x0d: if let event = endLine() { try body(event) }
            default:
                line.append(byte)
                if line.count + data.count > maximumBytes { throw TooLong() }
            }
        }
    }

    /// The event the last line end completed, if it did.
    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        }
        if line.isEmpty {
            defer { (data, name, hasData) = ([], "", false) }
            return hasData ? Event(name: name, data: data) : nil
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        if colon == 0 { return nil }
        let field = line[..<(colon ?? line.count)]
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == 0x20 { value = value.dropFirst() }
        if field.elementsEqual("data".utf8) {
            if hasData { data.append(0x0a) }
            data += value
            hasData = true
        } else if field.elementsEqual("event".utf8) {
            name = String(decoding: value, as: UTF8.self)
        }
        return nil
    }
}
