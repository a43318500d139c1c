/// A row in the binary format of COPY, made once and sent many times with other numbers in some of its fields.
///
/// The data of a COPY is `header`, the rows, `trailer`. A row sent this way costs a copy of its bytes: nothing is rendered
/// or escaped, and the server parses no text.
package struct CopyRow: Sendable {
    /// What comes before the first row: the signature, no flags, no extension.
    package static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)
    /// What comes after the last row.
    package static let trailer: [UInt8] = [0xFF, 0xFF]

    private var writer = ValueWriter()

    /// The row so far, as it is sent.
    package var bytes: [UInt8] { writer.bytes }

    /// A row of `fields` fields, none of them written yet.
    package init(fields: Int16) { writer.write(fields) }

    /// Appends a field that is the same in every row.
    package mutating func append(_ value: some PostgresEncodable) {
        if value.isPostgresNull { writer.write(Int32(-1)) } else { writer.writeCounted { value.encode(into: &$0) } }
    }

    /// Appends a `bigint` field and returns where it is, for `set`.
    package mutating func appendBigint() -> Int {
        append(Int64(0))
        return writer.bytes.count - MemoryLayout<Int64>.size
    }

    /// Appends a `smallint` field and returns where it is, for `set`.
    package mutating func appendSmallint() -> Int {
        append(Int16(0))
        return writer.bytes.count - MemoryLayout<Int16>.size
    }

    /// Puts a number into the field at `place`, which `appendBigint` returned.
    package mutating func set(_ place: Int, _ value: Int64) { writer.overwrite(value, at: place) }

    /// Puts a number into the field at `place`, which `appendSmallint` returned.
    package mutating func set(_ place: Int, _ value: Int16) { writer.overwrite(value, at: place) }
}

extension [UInt8] {
    /// Appends a field of a row of COPY: UTF-8 text or JSON.
    package mutating func appendCopyField(_ text: Span<UInt8>) {
        let length = UInt32(truncatingIfNeeded: text.count)
        unsafe Swift.withUnsafeBytes(of: length.bigEndian) { unsafe append(contentsOf: $0) }
        unsafe text.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
