/// The elements of a JSON array, as places in its text.
public enum JSONElements {
    /// Where the elements of the array `text` are; empty for an empty one.
    ///
    /// - Throws: `JSONScanError` when `text` is not one JSON value, or no array.
    public static func ranges(of text: Span<UInt8>, maximumDepth: Int) throws(JSONScanError) -> [Range<Int>] {
        var scanner = JSONScanner(maximumDepth: maximumDepth)
        try scanner.scan(text)
        guard scanner.root == .array else { throw JSONScanError(.expectedValue, at: 0) }
        // It is valid, so brackets match, and quotes but for escaped ones.
        var ranges: [Range<Int>] = []
        var (depth, start, isInString) = (0, -1, false)
        var place = 0
        while place < text.count {
            let byte = text[place]
            if isInString {
                if byte == 0x5C { place += 1 } else if byte == 0x22 { isInString = false }
            } else {
                switch byte {
                case 0x22: isInString = true
                case 0x5B, 0x7B: depth += 1
                case 0x5D, 0x7D: depth -= 1
                default: break
                }
                if depth == 1, byte == 0x2C {
                    ranges.append(trimmed(text, start..<place))
                    start = place + 1
                } else if depth == 1, start < 0 {
                    start = place + 1
                } else if depth == 0, start >= 0 {
                    let last = trimmed(text, start..<place)
                    if !last.isEmpty { ranges.append(last) }
                    return ranges
                }
            }
            place += 1
        }
        return ranges
    }

    private static func trimmed(_ text: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, text[low] <= 0x20 { low += 1 }
        while high > low, text[high - 1] <= 0x20 { high -= 1 }
        return low..<high
    }
}
