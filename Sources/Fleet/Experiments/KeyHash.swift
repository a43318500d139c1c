/// PostgreSQL's 64-bit hash of text, so that a unit falls into the same bucket in SQL and here.
///
/// Bob Jenkins' lookup3 as `hash_bytes_extended` has it (src/common/hashfn.c) on little-endian machines; the same as
/// `hashtextextended(text, seed)` under deterministic collations. A test holds it against values from a server.
package enum KeyHash {
    /// The hash of the text's UTF-8.
    package static func hash(_ text: String, seed: UInt64) -> UInt64 {
        let bytes = Array(text.utf8)
        let start = 0x9e37_79b9 &+ UInt32(truncatingIfNeeded: bytes.count) &+ 3_923_095
        var state = State(a: start, b: start, c: start)
        if seed != 0 {
            state.a &+= UInt32(truncatingIfNeeded: seed >> 32)
            state.b &+= UInt32(truncatingIfNeeded: seed)
            state.mix()
        }
        var index = 0
        func word(at offset: Int, count: Int) -> UInt32 {
            (0..<max(0, min(4, count))).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        while bytes.count - index >= 12 {
            state.a &+= word(at: index, count: 4)
            state.b &+= word(at: index + 4, count: 4)
            state.c &+= word(at: index + 8, count: 4)
            state.mix()
            index += 12
        }
        let rest = bytes.count - index
        state.a &+= word(at: index, count: rest)
        state.b &+= word(at: index + 4, count: rest - 4)
        // The lowest byte of c belongs to the length.
        state.c &+= word(at: index + 8, count: rest - 8) << 8
        state.finish()
        return UInt64(state.b) << 32 | UInt64(state.c)
    }

    private struct State {
        var a: UInt32
        var b: UInt32
        var c: UInt32

        mutating func mix() {
            a &-= c; a ^= rotated(c, 4); c &+= b
            b &-= a; b ^= rotated(a, 6); a &+= c
            c &-= b; c ^= rotated(b, 8); b &+= a
            a &-= c; a ^= rotated(c, 16); c &+= b
            b &-= a; b ^= rotated(a, 19); a &+= c
            c &-= b; c ^= rotated(b, 4); b &+= a
        }

        mutating func finish() {
            c ^= b; c &-= rotated(b, 14)
            a ^= c; a &-= rotated(c, 11)
            b ^= a; b &-= rotated(a, 25)
            c ^= b; c &-= rotated(b, 16)
            a ^= c; a &-= rotated(c, 4)
            b ^= a; b &-= rotated(a, 14)
            c ^= b; c &-= rotated(b, 24)
        }

        private func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
    }
}
