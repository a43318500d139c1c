import Domain

extension LineChecker {
    static func isBlank(_ text: Span<UInt8>) -> Bool {
        for place in text.indices {
            let byte = text[place]
            guard byte == 0x20 || byte == 0x09 || byte == 0x0D else { return false }
        }
        return true
    }

    /// The UTF-8 of a string of `text`.
    static func decoded(_ text: Span<UInt8>, _ string: JSONMember) -> [UInt8] {
        text.extracting(string.contents).withUnsafeBufferPointer {
            string.hasEscapes ? JSONString.unescapedBytes($0) : Array($0)
        }
    }

    /// Whether a string of `text` reads `expected`.
    static func equals(_ text: Span<UInt8>, _ string: JSONMember, _ expected: String) -> Bool {
        string.hasEscapes
            ? decoded(text, string).elementsEqual(expected.utf8)
            : bytes(text, string.contents, equal: expected.utf8.span)
    }

    static func bytes(_ text: Span<UInt8>, _ range: Range<Int>, equal other: Span<UInt8>) -> Bool {
        guard range.count == other.count else { return false }
        for place in other.indices where text[range.lowerBound + place] != other[place] { return false }
        return true
    }

    /// A keyed hash of a string's characters, however they are written.
    static func hash(_ text: Span<UInt8>, _ string: JSONMember) -> Int {
        var hasher = Hasher()
        if string.hasEscapes {
            decoded(text, string).withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            text.extracting(string.contents).withUnsafeBytes { hasher.combine(bytes: $0) }
        }
        return hasher.finalize()
    }
}
