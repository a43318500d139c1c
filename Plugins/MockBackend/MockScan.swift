import BackendKit
import JSONText

/// What the mock needs of a request, found in one pass over its bytes without building anything.
struct MockScan {
    /// The prompt's JSON value: messages, prompt or input.
    var prompt: Range<Int>
    /// The model's name with its quotes.
    var model: Range<Int>?
    var seed = 0
    var maximumTokens: Int?
    /// How many inputs there are to embed.
    var inputs = 1

    /// Scans a request; nil when it is not one JSON object, or has no prompt of the right form.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, kind: ServiceDescriptor.Kind) {
        var cursor = JSONCursor(bytes)
        guard cursor.enterObject() else { return nil }
        var found: Range<Int>?
        var isFirst = true
        members: while true {
            switch cursor.nextKey(first: isFirst) {
            case .key(let key):
                guard let value = cursor.skipValue() else { return nil }
                if Self.is(bytes, key, kind.promptKey) {
                    found = value
                } else if Self.is(bytes, key, "model"), bytes[value.lowerBound] == UInt8(ascii: "\"") {
                    model = value
                } else if Self.is(bytes, key, "seed") {
                    seed = Self.integer(bytes, value) ?? 0
                } else if Self.is(bytes, key, "max_tokens") || Self.is(bytes, key, "max_completion_tokens")
                    || Self.is(bytes, key, "max_output_tokens")
                {
                    maximumTokens = Self.integer(bytes, value) ?? maximumTokens
                }
            case .end: break members
            case .element, .malformed: return nil
            }
            isFirst = false
        }
        guard cursor.isAtEnd(), let found else { return nil }
        prompt = found
        guard checkPrompt(bytes, kind) else { return nil }
    }

    /// Checks the prompt's form and counts its parts.
    private mutating func checkPrompt(_ bytes: UnsafeBufferPointer<UInt8>, _ kind: ServiceDescriptor.Kind) -> Bool {
        var cursor = JSONCursor(bytes, at: prompt.lowerBound)
        switch bytes[prompt.lowerBound] {
        case UInt8(ascii: "\""): return kind != .chat
        case UInt8(ascii: "["):
            guard cursor.enterArray() else { return false }
            var count = 0
            var first: UInt8?
            while cursor.nextElement(first: count == 0) == .element {
                let opening = cursor.peek()
                if kind == .chat, opening != UInt8(ascii: "{") { return false }
                first = first ?? opening
                count += 1
                guard cursor.skipValue() != nil else { return false }
            }
            // An array of numbers is one input, already cut into tokens.
            if first == UInt8(ascii: "\"") || first == UInt8(ascii: "[") { inputs = count }
            return count > 0
        default: return false
        }
    }

    private static func `is`(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count where bytes[range.lowerBound + offset] != text.utf8Start[offset] { return false }
        return true
    }

    private static func integer(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int? {
        var value = 0
        var isNegative = false
        for index in range.prefix(19) {
            if index == range.lowerBound, bytes[index] == UInt8(ascii: "-") {
                isNegative = true
                continue
            }
            guard bytes[index] &- 0x30 < 10 else { return nil }
            value = value &* 10 &+ Int(bytes[index] &- 0x30)
        }
        return isNegative ? 0 &- value : value
    }
}

extension ServiceDescriptor.Kind {
    /// The member of a request that holds its prompt.
    var promptKey: StaticString {
        switch self {
        case .chat: "messages"
        case .completion: "prompt"
        case .embedding, .response: "input"
        }
    }
}
