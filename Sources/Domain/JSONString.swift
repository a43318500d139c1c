/// Strings of JSON, to and from their characters.
public enum JSONString {
    /// The characters of a string, given the bytes between its quotes, as `JSONMember.contents` finds them.
    ///
    /// Throws what `JSONScanner` would for a string with these contents; never for contents it accepted.
    public static func unescape(_ contents: Span<UInt8>) throws(JSONScanError) -> String {
        var quoted: [UInt8] = [0x22]
        quoted.reserveCapacity(contents.count + 2)
        contents.withUnsafeBufferPointer { quoted.append(contentsOf: $0) }
        quoted.append(0x22)
        var cursorEnd = 0
        try quoted.span.withUnsafeBufferPointer { (text) throws(JSONScanError) in
            guard let start = text.baseAddress else { return }
            var cursor = JSONCursor(start, text.count)
            _ = try cursor.string()
            cursorEnd = cursor.place
        }
        guard cursorEnd == quoted.count else { throw JSONScanError(.trailingBytes, at: cursorEnd - 1) }
        return contents.withUnsafeBufferPointer { String(decoding: unescapedBytes($0), as: UTF8.self) }
    }

    /// The UTF-8 of the characters of a string whose `contents` a scanner accepted.
    ///
    /// Not for unchecked bytes: what is not valid comes out as something harmless, but not as an error.
    public static func unescapedBytes(_ contents: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(contents.count)
        var place = 0
        while place < contents.count {
            guard contents[place] == 0x5C, place + 1 < contents.count else {
                bytes.append(contents[place])
                place += 1
                continue
            }
            let letter = contents[place + 1]
            place += 2
            switch letter {
            case 0x62: bytes.append(0x08)
            case 0x66: bytes.append(0x0C)
            case 0x6E: bytes.append(0x0A)
            case 0x72: bytes.append(0x0D)
            case 0x74: bytes.append(0x09)
            case 0x75:
                var scalar = codeUnit(contents, at: place)
                place += 4
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 | (codeUnit(contents, at: place + 2) & 0x3FF)
                    place += 6
                }
                bytes.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
            default: bytes.append(letter)
            }
        }
        return bytes
    }

    /// The number of the four hexadecimal digits at `place`.
    private static func codeUnit(_ contents: UnsafeBufferPointer<UInt8>, at place: Int) -> UInt32 {
        guard place >= 0, place + 4 <= contents.count else { return 0xFFFD }
        return contents[place..<place + 4].reduce(0) { number, byte in
            number << 4 | UInt32(byte < 0x3A ? byte & 0x0F : byte & 0x0F &+ 9)
        }
    }

    /// Appends `string` to `text` as a JSON string, with its quotes.
    ///
    /// Control characters, quotes and backslashes are escaped, nothing else is.
    public static func append(_ string: String, to text: inout [UInt8]) {
        var string = string
        string.withUTF8 { append(utf8: $0, to: &text) }
    }

    /// Appends `utf8`, which must be valid UTF-8, to `text` as a JSON string, with its quotes.
    public static func append(utf8: UnsafeBufferPointer<UInt8>, to text: inout [UInt8]) {
        text.append(0x22)
        if let start = utf8.baseAddress { appendEscaped(start, utf8.count, to: &text) }
        text.append(0x22)
    }

    private static func appendEscaped(_ bytes: UnsafePointer<UInt8>, _ count: Int, to text: inout [UInt8]) {
        var place = 0
        while true {
            let end = ByteRun.endOfUnescaped(bytes, from: place, to: count)
            if end > place { text.append(contentsOf: UnsafeBufferPointer(start: bytes + place, count: end - place)) }
            guard end < count else { return }
            let byte = bytes[end]
            text.append(0x5C)
            switch byte {
            case 0x22, 0x5C: text.append(byte)
            case 0x08: text.append(0x62)
            case 0x09: text.append(0x74)
            case 0x0A: text.append(0x6E)
            case 0x0C: text.append(0x66)
            case 0x0D: text.append(0x72)
            default:
                let low = byte & 0x0F
                text.append(contentsOf: [0x75, 0x30, 0x30, 0x30 + byte >> 4, low < 10 ? 0x30 + low : 0x57 + low])
            }
            place = end + 1
        }
    }
}
