/// Finds where a run of ordinary bytes ends, eight bytes at a time.
///
/// The masks mark a wanted byte in its top bit. A borrow can mark a byte above a wanted one by mistake, never below it,
/// so the lowest mark is always right.
public enum ByteRun {
    @inline(__always) private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    @inline(__always) private static var tops: UInt64 { 0x8080_8080_8080_8080 }

    /// The first place in `start..<end` whose byte is a quote, a backslash, a control character or not ASCII; `end` when
    /// there is none.
    @inline(__always)
    static func endOfPlainString(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var place = start
        while place &+ 8 <= end {
            let word = UnsafeRawPointer(text + place).loadUnaligned(as: UInt64.self).littleEndian
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let marks =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
                    | word) & tops
            if marks != 0 { return place &+ marks.trailingZeroBitCount / 8 }
            place &+= 8
        }
        while place < end {
            let byte = text[place]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { break }
            place &+= 1
        }
        return place
    }

    /// The first place in `start..<end` whose byte is a quote, a backslash or a control character; `end` when there is
    /// none.
    static func endOfUnescaped(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var place = start
        while place &+ 8 <= end {
            let word = UnsafeRawPointer(text + place).loadUnaligned(as: UInt64.self).littleEndian
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let marks =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word))
                & tops
            if marks != 0 { return place &+ marks.trailingZeroBitCount / 8 }
            place &+= 8
        }
        while place < end {
            let byte = text[place]
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { break }
            place &+= 1
        }
        return place
    }
}
