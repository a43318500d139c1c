/// Changes members at the top of a JSON object and leaves every other byte as it was.
///
/// The text is read once, when the edit begins; `result` makes the new text. Escaped spellings of a key count as the key,
/// and of a key that comes several times every occurrence is changed, so that no reader of the text can see the old one.
public struct JSONObjectEdit: Sendable {
    /// A member at the top.
    public struct Member: Sendable, Hashable {
        /// The key, escapes resolved.
        public var key: String
        /// Where the key begins, at its quote.
        public var start: Int
        /// Where its value is.
        public var value: Range<Int>
    }

    private enum Change {
        case replacement([UInt8])
        case removal
    }

    /// The text as it was given.
    public let text: [UInt8]
    /// Its members in their order, as they were given.
    public let members: [Member]
    /// What is between the braces.
    private let inside: Range<Int>
    private var changes: [Int: Change] = [:]
    private var additions: [(key: String, value: [UInt8])] = []

    /// Begins to edit `text`; nil when it is not exactly one JSON object.
    public init?(_ text: [UInt8]) {
        var members: [Member] = []
        let inside = text.withUnsafeBufferPointer { bytes -> Range<Int>? in
            var cursor = JSONCursor(bytes)
            guard cursor.enterObject() else { return nil }
            let start = cursor.position
            while true {
                switch cursor.nextKey(first: members.isEmpty) {
                case .key(let key):
                    guard let value = cursor.skipValue() else { return nil }
                    members.append(Member(key: cursor.text(in: key), start: key.lowerBound - 1, value: value))
                case .end:
                    let end = cursor.position - 1
                    return cursor.isAtEnd() ? start..<end : nil
                case .element, .malformed: return nil
                }
            }
        }
        guard let inside else { return nil }
        (self.text, self.members, self.inside) = (text, members, inside)
    }

    /// The bytes of the last member of that key, changes included, or nil when there is none.
    public subscript(key: String) -> ArraySlice<UInt8>? {
        if let added = additions.last(where: { $0.key == key }) { return added.value[...] }
        for index in members.indices.reversed() where members[index].key == key {
            switch changes[index] {
            case nil: return text[members[index].value]
            case .replacement(let value): return value[...]
            case .removal: continue
            }
        }
        return nil
    }

    /// Gives the member of that key the value `value`, a JSON text; adds it at the end when there is none.
    public mutating func set(_ key: String, to value: [UInt8]) {
        var isThere = false
        for index in members.indices where members[index].key == key {
            if case .removal = changes[index] { continue }
            changes[index] = .replacement(value)
            isThere = true
        }
        for index in additions.indices where additions[index].key == key {
            additions[index].value = value
            isThere = true
        }
        if !isThere { additions.append((key, value)) }
    }

    /// Takes every member of that key out.
    public mutating func remove(_ key: String) {
        for index in members.indices where members[index].key == key { changes[index] = .removal }
        additions.removeAll { $0.key == key }
    }

    /// The text with all changes; the very text that was given when there are none.
    public func result() -> [UInt8] {
        if changes.isEmpty, additions.isEmpty { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + additions.reduce(0) { $0 + $1.key.utf8.count + $1.value.count + 8 })
        result += text[..<(members.isEmpty ? inside.upperBound : inside.lowerBound)]
        var isFirst = true
        for index in members.indices {
            if case .removal = changes[index] { continue }
            if !isFirst { result.append(UInt8(ascii: ",")) }
            isFirst = false
            let member = members[index]
            result += text[lead(index)..<member.value.lowerBound]
            if case .replacement(let value) = changes[index] {
                result += value
            } else {
                result += text[member.value]
            }
            result += text[member.value.upperBound..<tail(index)]
        }
        for addition in additions {
            if !isFirst { result.append(UInt8(ascii: ",")) }
            isFirst = false
            result.appendJSONString(addition.key)
            result.append(UInt8(ascii: ":"))
            result += addition.value
        }
        result += text[inside.upperBound...]
        return result
    }

    /// Where the white space before a member begins: behind the brace or the comma.
    private func lead(_ index: Int) -> Int { index == 0 ? inside.lowerBound : tail(index - 1) + 1 }

    /// Where the white space behind a member ends: at the comma or the brace.
    private func tail(_ index: Int) -> Int {
        let end = index + 1 < members.count ? members[index + 1].start : inside.upperBound
        return text[members[index].value.upperBound..<end].firstIndex(of: UInt8(ascii: ",")) ?? end
    }
}
