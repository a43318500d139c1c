/// Where values write their wire form: one growing buffer for all parameters of a call.
package struct ValueWriter: Sendable {
    var bytes: [UInt8] = []

    init() {}

    /// Appends an integer in network order.
    package mutating func write<T: FixedWidthInteger>(_ value: T) {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends `value` as UTF-8.
    package mutating func write(utf8 value: String) { bytes.append(contentsOf: value.utf8) }

    /// Appends raw bytes.
    package mutating func write(bytes value: [UInt8]) { bytes.append(contentsOf: value) }

    /// Appends what `body` writes, preceded by its length as four bytes.
    package mutating func writeCounted(_ body: (inout ValueWriter) -> Void) {
        let start = bytes.count
        write(Int32(0))
        body(&self)
        overwrite(Int32(truncatingIfNeeded: bytes.count - start - 4), at: start)
    }

    /// Replaces the integer written at `offset`.
    mutating func overwrite<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        for place in 0..<MemoryLayout<T>.size {
            bytes[offset + place] = UInt8(truncatingIfNeeded: value >> (8 * (MemoryLayout<T>.size - 1 - place)))
        }
    }
}

extension RawSpan {
    /// The integer in network order that begins at `offset`.
    package func integer<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int = 0,
        as type: T.Type = T.self
    ) throws(PostgresDecodingFailure) -> T {
        guard offset >= 0, byteCount - offset >= MemoryLayout<T>.size else { throw .malformed }
        return unsafe T(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The bytes from `offset` on, copied.
    package func copied(from offset: Int = 0) -> [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0.dropFirst(offset)) }
    }
}

/// Why a value cannot be read.
///
/// `Row` turns it into a `PostgresError` that names the column.
package enum PostgresDecodingFailure: Error, Sendable {
    /// The value is NULL and the type asked for has no such value.
    case unexpectedNull
    /// The column's type is not one the value can be read from.
    case wrongType
    /// The bytes are not those of the type: out of range, or not UTF-8.
    case malformed
}
