/// A 128-bit identifier: PostgreSQL's `uuid`.
package struct UUIDValue: Sendable, Hashable, Comparable, PostgresScalar, CustomStringConvertible {
    /// The first eight bytes, as a number.
    package var high: UInt64
    /// The last eight bytes, as a number.
    package var low: UInt64

    /// The identifier with these two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random identifier (version 4).
    package static func random() -> UUIDValue {
        UUIDValue(
            high: .random(in: 0 ... .max) & 0xffff_ffff_ffff_0fff | 0x4000,
            low: .random(in: 0 ... .max) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        )
    }

    /// The identifier written as `text` in the usual form with or without hyphens, or nil when it is not one.
    package init?(_ text: String) {
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (offset, byte) in text.utf8.enumerated() {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = byte - UInt8(ascii: "A") + 10
            case UInt8(ascii: "-") where [8, 13, 18, 23].contains(offset): continue
            default: return nil
            }
            if digits < 16 {
                halves.0 = halves.0 << 4 | UInt64(value)
            } else {
                halves.1 = halves.1 << 4 | UInt64(value)
            }
            digits += 1
            guard digits <= 32 else { return nil }
        }
        guard digits == 32 else { return nil }
        (high, low) = halves
    }

    /// The usual lower-case form with hyphens.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            let half = index < 16 ? high : low
            text.append(digits[Int(half >> UInt64(60 - 4 * (index % 16)) & 0xf)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }

    package static var postgresType: PostgresType { .uuid }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 2951) }

    package func encode(into writer: inout ValueWriter) {
        writer.write(high)
        writer.write(low)
    }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> UUIDValue {
        guard type == .uuid else { throw .wrongType }
        return UUIDValue(high: try bytes.integer(at: 0), low: try bytes.integer(at: 8))
    }
}
