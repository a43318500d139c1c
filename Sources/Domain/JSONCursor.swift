/// A place in a text that is read as JSON, with the steps that do not nest: white space, strings, numbers, words.
struct JSONCursor {
    /// The text.
    ///
    /// Only places below `count` are read.
    let text: UnsafePointer<UInt8>
    /// How long the text is.
    let count: Int
    /// The next byte to read.
    var place = 0
    /// Where the first escaped NUL was.
    var escapedNUL: Int?

    init(_ text: UnsafePointer<UInt8>, _ count: Int) {
        self.text = text
        self.count = count
    }

    /// Moves to the next byte that is not white space, and returns it; nil at the end.
    @inline(__always)
    mutating func nextByte() -> UInt8? {
        while place < count {
            let byte = text[place]
            if byte > 0x20 { return byte }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            place &+= 1
        }
        return nil
    }

    /// Reads a string whose opening quote is the next byte.
    ///
    /// Returns whether it has escape sequences.
    @inline(__always)
    mutating func string() throws(JSONScanError) -> Bool {
        var hasEscapes = false
        place &+= 1
        while true {
            place = ByteRun.endOfPlainString(text, from: place, to: count)
            guard place < count else { throw JSONScanError(.unexpectedEnd, at: count) }
            let byte = text[place]
            if byte == 0x22 {
                place &+= 1
                return hasEscapes
            }
            if byte == 0x5C {
                hasEscapes = true
                try escape()
            } else if byte >= 0x80 {
                try characters()
            } else {
                throw JSONScanError(.controlCharacter, at: place)
            }
        }
    }

    /// Reads the characters that are not ASCII, up to the first that is.
    private mutating func characters() throws(JSONScanError) {
        while place < count, text[place] >= 0x80 {
            let lead = text[place]
            let room = count &- place
            let length: Int
            // Ranges of the second byte: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629).
            var lowest: UInt8 = 0x80
            var highest: UInt8 = 0xBF
            switch lead {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, lowest) = (3, 0xA0)
            case 0xE1...0xEC, 0xEE, 0xEF: length = 3
            case 0xED: (length, highest) = (3, 0x9F)
            case 0xF0: (length, lowest) = (4, 0x90)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, highest) = (4, 0x8F)
            default: throw JSONScanError(.invalidUTF8, at: place)
            }
            guard room >= length, text[place &+ 1] >= lowest, text[place &+ 1] <= highest,
                length < 3 || text[place &+ 2] & 0xC0 == 0x80, length < 4 || text[place &+ 3] & 0xC0 == 0x80
            else { throw JSONScanError(.invalidUTF8, at: place) }
            place &+= length
        }
    }

    /// Reads an escape sequence whose backslash is the next byte.
    private mutating func escape() throws(JSONScanError) {
        let start = place
        guard place &+ 1 < count else { throw JSONScanError(.unexpectedEnd, at: count) }
        switch text[place &+ 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: place &+= 2
        case 0x75:
            let unit = try codeUnit()
            if unit == 0, escapedNUL == nil { escapedNUL = start }
            guard unit & 0xF800 == 0xD800 else { return }
            guard unit < 0xDC00, place &+ 1 < count, text[place] == 0x5C, text[place &+ 1] == 0x75 else {
                throw JSONScanError(.loneSurrogate, at: start)
            }
            guard try codeUnit() & 0xFC00 == 0xDC00 else { throw JSONScanError(.loneSurrogate, at: start) }
        default: throw JSONScanError(.invalidEscape, at: start)
        }
    }

    /// Reads `\uXXXX`, whose backslash and `u` were seen, and returns its number.
    private mutating func codeUnit() throws(JSONScanError) -> UInt32 {
        guard place &+ 6 <= count else {
            throw JSONScanError(.invalidEscape, at: place)
        }
        var unit: UInt32 = 0
        for digit in place &+ 2..<place &+ 6 {
            let byte = UInt32(text[digit])
            let value: UInt32
            switch byte {
            case 0x30...0x39: value = byte &- 0x30
            case 0x41...0x46: value = byte &- 0x37
            case 0x61...0x66: value = byte &- 0x57
            default: throw JSONScanError(.invalidEscape, at: place)
            }
            unit = unit << 4 | value
        }
        place &+= 6
        return unit
    }

    /// Reads a number whose first byte, a minus or a digit, is the next one.
    mutating func number() throws(JSONScanError) {
        let start = place
        if text[place] == 0x2D { place &+= 1 }
        let zero = place
        guard digits() else { throw JSONScanError(.invalidNumber, at: start) }
        if text[zero] == 0x30, place &- zero > 1 { throw JSONScanError(.invalidNumber, at: start) }
        if place < count, text[place] == 0x2E {
            place &+= 1
            guard digits() else { throw JSONScanError(.invalidNumber, at: start) }
        }
        if place < count, text[place] | 0x20 == 0x65 {
            place &+= 1
            if place < count, text[place] == 0x2B || text[place] == 0x2D { place &+= 1 }
            guard digits() else { throw JSONScanError(.invalidNumber, at: start) }
        }
    }

    /// Reads digits.
    ///
    /// Returns whether there was one.
    @inline(__always)
    private mutating func digits() -> Bool {
        let start = place
        while place < count, text[place] &- 0x30 < 10 { place &+= 1 }
        return place > start
    }

    /// Reads `word`, whose first byte was seen.
    mutating func literal(_ word: StaticString) throws(JSONScanError) {
        guard count &- place >= word.utf8CodeUnitCount else { throw JSONScanError(.invalidLiteral, at: place) }
        for offset in 0..<word.utf8CodeUnitCount where text[place &+ offset] != word.utf8Start[offset] {
            throw JSONScanError(.invalidLiteral, at: place)
        }
        place &+= word.utf8CodeUnitCount
    }
}
