/// Bounds of a log line. What is longer is cut and ends in `…`.
package enum LogLimits {
    /// Bytes of the message.
    package static let messageBytes = 4 << 10
    /// Bytes of one metadata value.
    package static let valueBytes = 1 << 10
    /// Metadata entries of one line; the first of them in alphabetical order are kept.
    package static let entries = 32

    /// `text`, cut between characters to at most `limit` bytes plus the mark.
    static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "…"
    }
}
