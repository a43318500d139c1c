import Domain

/// Rows in the text format of PostgreSQL's COPY: fields divided by tabs, a row to a line.
///
/// Fields are the text forms of their types in UTF-8, without NUL. The buffer is the caller's to empty: take `bytes`
/// when `count` has grown enough and call `removeAll()`.
public struct CopyText: Sendable {
    /// The rows so far.
    public private(set) var bytes: [UInt8] = []
    /// Whether the next field is the first of its row.
    private var atStartOfRow = true

    /// How many bytes the rows take.
    public var count: Int { bytes.count }

    /// No rows yet, with room for `capacity` bytes.
    public init(capacity: Int = 1 << 18) { bytes.reserveCapacity(capacity) }

    /// Appends a field of text.
    @inline(__always)
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    /// Appends a field of UTF-8 bytes, as a JSON body is.
    public mutating func append(_ text: Span<UInt8>) {
        text.withUnsafeBufferPointer { append($0) }
    }

    /// Appends a number.
    public mutating func append(_ number: some BinaryInteger) {
        append(String(number))
    }

    /// Appends a null.
    public mutating func appendNull() {
        separate()
        bytes.append(0x5C)
        bytes.append(0x4E)
    }

    /// Ends the row.
    public mutating func endRow() {
        bytes.append(0x0A)
        atStartOfRow = true
    }

    /// Forgets the rows, but keeps their memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        atStartOfRow = true
    }

    @inline(__always)
    private mutating func separate() {
        if atStartOfRow { atStartOfRow = false } else { bytes.append(0x09) }
    }

    /// Appends a field, copying the runs that need no escape as a whole.
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        separate()
        guard let start = text.baseAddress else { return }
        var place = 0
        while true {
            let end = ByteRun.endOfUncontrolled(start, from: place, to: text.count)
            if end > place { bytes.append(contentsOf: UnsafeBufferPointer(start: start + place, count: end - place)) }
            guard end < text.count else { return }
            place = end + 1
            switch start[end] {
            case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
            case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
            case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
            case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
            case let control: bytes.append(control)
            }
        }
    }
}
