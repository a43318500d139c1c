/// Goes through the texts of a prompt: counts their characters and finds control characters. Pure.
///
/// Texts are the strings of a JSON value that are no names of members; the value was checked before.
struct PromptWalk {
    /// Characters (Unicode scalars) of all texts.
    private(set) var characters = 0
    /// Where control characters are, escaped or not: U+0000 to U+001F but for tab, line feed and carriage return, and
    /// U+007F to U+009F.
    private(set) var controls: [Range<Int>] = []

    /// Reads the value at `range` of `text`.
    mutating func read(_ text: Span<UInt8>, _ range: Range<Int>) {
        var place = range.lowerBound
        while place < range.upperBound {
            guard text[place] == UInt8(ascii: "\"") else {
                place += 1
                continue
            }
            let (before, known) = (characters, controls.count)
            place = string(text, from: place + 1)
            var next = place
            while next < range.upperBound, text[next] <= 0x20 { next += 1 }
            if next < range.upperBound, text[next] == UInt8(ascii: ":") {
                // It was a name.
                characters = before
                controls.removeLast(controls.count - known)
            }
        }
    }

    /// Reads a string behind its quote, and returns where it is over.
    private mutating func string(_ text: Span<UInt8>, from start: Int) -> Int {
        var place = start
        while text[place] != UInt8(ascii: "\"") {
            let byte = text[place]
            switch byte {
            case UInt8(ascii: "\\"):
                let length = text[place + 1] == UInt8(ascii: "u") ? 6 : 2
                let value = length == 6 ? Self.unit(text, place + 2) : Self.short(text[place + 1])
                // The second half of a pair is no character of its own.
                if value & 0xFC00 != 0xDC00 { characters += 1 }
                if Self.isControl(value) { controls.append(place..<place + length) }
                place += length
            case 0x7F:
                characters += 1
                controls.append(place..<place + 1)
                place += 1
            case 0xC2 where text[place + 1] < 0xA0:
                characters += 1
                controls.append(place..<place + 2)
                place += 2
            default:
                if byte & 0xC0 != 0x80 { characters += 1 }
                place += 1
            }
        }
        return place + 1
    }

    private static func isControl(_ value: UInt32) -> Bool {
        (value < 0x20 && value != 0x09 && value != 0x0A && value != 0x0D) || 0x7F...0x9F ~= value
    }

    private static func short(_ letter: UInt8) -> UInt32 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        default: 0x20
        }
    }

    private static func unit(_ text: Span<UInt8>, _ start: Int) -> UInt32 {
        var unit: UInt32 = 0
        for place in start..<start + 4 {
            let byte = UInt32(text[place])
            unit = unit << 4 | (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57)
        }
        return unit
    }
}
