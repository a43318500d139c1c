/// Reads JSON text in place, without building a tree: for bodies that are passed on and only looked into.
///
/// It is strict (RFC 8259, UTF-8 checked, no trailing commas) and bounded (`maximumDepth`). Every function that reads
/// returns nil, or false, at the first offence; the cursor is then of no further use. The memory must outlive the cursor.
///
/// There is another reader, `JSONScanner` of Domain: that one says where and why a text is wrong, for files of people, and
/// finds a fixed selection in one pass. This one is led by its caller and copies or changes what it passes, for the bodies of
/// backends, which link neither Domain nor what belongs to it. Either would be twice as long as both.
public struct JSONCursor {
    /// Nesting beyond this is refused, so that a small body cannot exhaust the stack.
    public static let maximumDepth = 128

    /// The text.
    public let bytes: UnsafeBufferPointer<UInt8>
    /// Where the next token, or the white space before it, begins.
    public private(set) var position: Int

    /// A cursor at the beginning of `bytes`.
    public init(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Whether `bytes` is exactly one JSON value, with white space around it at most.
    public static func isOneValue(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var cursor = JSONCursor(bytes)
        return cursor.skipValue() != nil && cursor.isAtEnd()
    }

    /// Whether `bytes` is exactly one JSON object, with white space around it at most.
    public static func isOneObject(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var cursor = JSONCursor(bytes)
        return cursor.peek() == UInt8(ascii: "{") && cursor.skipValue() != nil && cursor.isAtEnd()
    }

    /// Whether nothing but white space follows.
    public mutating func isAtEnd() -> Bool { peek() == nil }

    /// The first byte of the next token, white space skipped, or nil at the end.
    public mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            if byte > 0x20 { return byte }
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// Steps over `byte` when it is the next token.
    public mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    /// Steps into an object.
    ///
    /// Afterwards ask `nextKey`.
    public mutating func enterObject() -> Bool { skip("{") }

    /// Steps into an array.
    ///
    /// Afterwards ask `nextElement`.
    public mutating func enterArray() -> Bool { skip("[") }

    /// What follows in an object or array that was entered.
    public enum Step: Equatable, Sendable {
        /// A member; its key between the quotes, escapes left as they are.
        ///
        /// The cursor is before the value.
        case key(Range<Int>)
        /// An element of an array.
        ///
        /// The cursor is before it.
        case element
        /// The object or array has ended, and the cursor is behind it.
        case end
        /// Not JSON.
        case malformed
    }

    /// Goes to the next member of the object entered.
    ///
    /// `first` is true for the first call after `enterObject`.
    public mutating func nextKey(first: Bool) -> Step {
        if skip("}") { return .end }
        if !first { guard skip(",") else { return .malformed } }
        guard let key = skipString(), skip(":") else { return .malformed }
        return .key(key)
    }

    /// Goes to the next element of the array entered.
    ///
    /// `first` is true for the first call after `enterArray`.
    public mutating func nextElement(first: Bool) -> Step {
        if skip("]") { return .end }
        if !first { guard skip(",") else { return .malformed } }
        return peek() == nil || peek() == UInt8(ascii: "]") ? .malformed : .element
    }

    /// Steps over the next value and returns where it was.
    public mutating func skipValue() -> Range<Int>? {
        guard peek() != nil else { return nil }
        let start = position
        return skipValue(depth: 0) ? start..<position : nil
    }

    private mutating func skipValue(depth: Int) -> Bool {
        guard depth < Self.maximumDepth, let first = peek() else { return false }
        switch first {
        case UInt8(ascii: "\""): return skipString() != nil
        case UInt8(ascii: "{"):
            position += 1
            if skip("}") { return true }
            repeat {
                guard skipString() != nil, skip(":"), skipValue(depth: depth + 1) else { return false }
            } while skip(",")
            return skip("}")
        case UInt8(ascii: "["):
            position += 1
            if skip("]") { return true }
            repeat {
                guard skipValue(depth: depth + 1) else { return false }
            } while skip(",")
            return skip("]")
        case UInt8(ascii: "t"): return skipWord("true")
        case UInt8(ascii: "f"): return skipWord("false")
        case UInt8(ascii: "n"): return skipWord("null")
        default: return skipNumber()
        }
    }

    private mutating func skipWord(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count else { return false }
        for offset in 0..<count where bytes[position + offset] != word.utf8Start[offset] { return false }
        position += count
        return true
    }

    private mutating func skipNumber() -> Bool {
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard position < bytes.count else { return false }
        if bytes[position] == UInt8(ascii: "0") { position += 1 } else { guard skipDigits() else { return false } }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard skipDigits() else { return false }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() else { return false }
        }
        return true
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        return position > start
    }
}

extension JSONCursor {
    /// Steps over the next value, which must be a string, and returns what is between the quotes, escapes left as they
    /// are.
    ///
    /// Escapes and UTF-8 are checked; lone surrogate escapes pass, as RFC 8259 lets them.
    public mutating func skipString() -> Range<Int>? {
        guard skip("\"") else { return nil }
        let start = position
        while true {
            skipPlainBytes()
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return start..<(position - 1)
            case UInt8(ascii: "\\"):
                guard skipEscape() else { return nil }
            case 0x80...:
                guard skipMultibyte(byte) else { return nil }
            default:
                return nil
            }
        }
    }

    /// Steps over bytes that stand for themselves in a string, eight at a time.
    private mutating func skipPlainBytes() {
        guard let base = bytes.baseAddress else { return }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while position &+ 8 <= bytes.count {
            let word = UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            let quotes = word ^ (ones &* 0x22)
            let slashes = word ^ (ones &* 0x5c)
            // The classic "has a zero byte" and "has a byte below n": exact for the first hit, which is all that counts.
            let controls = (word &- (ones &* 0x20)) & ~word
            let hits = ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes) | controls | word
            let found = hits & tops
            if found != 0 {
                position &+= UInt64(littleEndian: found).trailingZeroBitCount >> 3
                return
            }
            position &+= 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            guard byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5c else { return }
            position &+= 1
        }
    }

    private mutating func skipEscape() -> Bool {
        guard position + 1 < bytes.count else { return false }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
            return true
        case UInt8(ascii: "u"):
            guard position + 6 <= bytes.count else { return false }
            for offset in 2..<6 where hexadecimal(bytes[position + offset]) == nil { return false }
            position += 6
            return true
        default:
            return false
        }
    }

    /// Steps over one UTF-8 sequence of two to four bytes: no overlong forms, no surrogates, nothing past U+10FFFF.
    private mutating func skipMultibyte(_ lead: UInt8) -> Bool {
        let length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
        guard lead >= 0xc2, lead <= 0xf4, position + length <= bytes.count else { return false }
        let second = bytes[position + 1]
        let lowest: UInt8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
        let highest: UInt8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
        guard second >= lowest, second <= highest else { return false }
        for offset in 2..<max(length, 2) where bytes[position + offset] & 0xc0 != 0x80 { return false }
        position += length
        return true
    }

    /// The value of a hexadecimal digit, or nil.
    func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46, 0x61...0x66: UInt32((byte | 0x20) - 0x57)
        default: nil
        }
    }
}
