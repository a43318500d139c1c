internal import JSONText

/// A JSON value that grows as the chunks of a stream are merged into it.
///
/// What is text in a chunk is joined as it is written there, escapes and all, so nothing is decoded and encoded again. A
/// class, since a piece of text must not be copied each time it grows.
final class StreamNode {
    enum Form {
        /// Nothing, or null, has come.
        case nothing
        /// A value that is replaced by the next.
        case raw
        /// The inside of a string.
        case text
        /// An object.
        case object
        /// An array of objects that say their index.
        case indexed
        /// An array of anything else: its inside.
        case list
    }

    /// More members than any chunk has: so that a hostile stream cannot make each chunk slower than the one before.
    static let maximumMembers = 512

    private(set) var form = Form.nothing
    private(set) var bytes: [UInt8] = []
    private(set) var members: [(key: String, node: StreamNode)] = []
    private(set) var elements: [Int: StreamNode] = [:]

    /// Strings that come whole, each time or once.
    private static let wholeStrings: Set = [
        "id", "object", "model", "role", "type", "name", "finish_reason", "system_fingerprint", "service_tier",
        "stop_reason",
    ]

    /// The member of that key, or nil.
    subscript(key: String) -> StreamNode? { members.first { $0.key == key }?.node }

    /// Merges the value at the cursor, the member `key` of its parent; returns how many bytes of text it brought, or nil
    /// when it is malformed or too large.
    func merge(_ cursor: inout JSONCursor, key: String) -> Int? {
        guard let first = cursor.peek() else { return nil }
        switch first {
        case UInt8(ascii: "n"):
            return cursor.skipValue().map { _ in 0 }
        case UInt8(ascii: "\""):
            let start = cursor.position
            guard let inside = cursor.skipString() else { return nil }
            if Self.wholeStrings.contains(key) {
                if !inside.isEmpty || form == .nothing {
                    (form, bytes) = (.raw, Array(cursor.bytes[start..<cursor.position]))
                }
                return 0
            }
            if form != .text { (form, bytes) = (.text, []) }
            bytes += cursor.bytes[inside]
            return inside.count
        case UInt8(ascii: "{"): return mergeObject(&cursor)
        case UInt8(ascii: "["): return mergeArray(&cursor, key: key)
        default:
            guard let range = cursor.skipValue() else { return nil }
            (form, bytes) = (.raw, Array(cursor.bytes[range]))
            return 0
        }
    }

    private func mergeObject(_ cursor: inout JSONCursor) -> Int? {
        guard cursor.enterObject() else { return nil }
        form = .object
        var isFirst = true
        var text = 0
        while true {
            switch cursor.nextKey(first: isFirst) {
            case .key(let range):
                // A chunk's delta is a whole answer's message.
                var key = cursor.text(in: range)
                if key == "delta" { key = "message" }
                guard let count = member(key)?.merge(&cursor, key: key) else { return nil }
                text += count
            case .end: return text
            case .element, .malformed: return nil
            }
            isFirst = false
        }
    }

    private func member(_ key: String) -> StreamNode? {
        if let node = self[key] { return node }
        guard members.count < Self.maximumMembers else { return nil }
        let node = StreamNode()
        members.append((key, node))
        return node
    }

    private func mergeArray(_ cursor: inout JSONCursor, key: String) -> Int? {
        guard cursor.enterArray() else { return nil }
        if form != .indexed, form != .list { form = .list }
        var place = 0
        var text = 0
        while true {
            switch cursor.nextElement(first: place == 0) {
            case .element:
                // Choices without an index are numbered by their place, which some servers think plain enough.
                let numbered = key == "choices" ? place : nil
                if form == .indexed || bytes.isEmpty, let index = Self.index(cursor) ?? numbered {
                    form = .indexed
                    guard elements[index] != nil || elements.count < Self.maximumMembers else { return nil }
                    let node = elements[index] ?? StreamNode()
                    elements[index] = node
                    guard let count = node.merge(&cursor, key: "") else { return nil }
                    text += count
                } else {
                    guard form == .list, let range = cursor.skipValue() else { return nil }
                    if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
                    bytes += cursor.bytes[range]
                }
            case .end: return text
            case .key, .malformed: return nil
            }
            place += 1
        }
    }

    /// The member `index` of the object at the cursor, or nil.
    private static func index(_ cursor: JSONCursor) -> Int? {
        var cursor = cursor
        guard cursor.enterObject() else { return nil }
        var isFirst = true
        while case .key(let key) = cursor.nextKey(first: isFirst) {
            guard let value = cursor.skipValue() else { return nil }
            if cursor.bytes[key].elementsEqual("index".utf8) {
                return cursor.number(in: value).flatMap { Int(exactly: $0) }
            }
            isFirst = false
        }
        return nil
    }

    /// Appends the value as JSON. `dropsIndex` leaves out the members `index` of array elements below, which a whole answer
    /// has on its choices alone.
    func append(to text: inout [UInt8], dropsIndex: Bool = false) {
        switch form {
        case .nothing: text.append("null")
        case .raw: text += bytes
        case .text:
            text.append(UInt8(ascii: "\""))
            text += bytes
            text.append(UInt8(ascii: "\""))
        case .list:
            text.append(UInt8(ascii: "["))
            text += bytes
            text.append(UInt8(ascii: "]"))
        case .object:
            text.append(UInt8(ascii: "{"))
            var isFirst = true
            for (key, node) in members where !(dropsIndex && key == "index") {
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                text.appendJSONString(key)
                text.append(UInt8(ascii: ":"))
                node.append(to: &text, dropsIndex: dropsIndex || key == "message")
            }
            text.append(UInt8(ascii: "}"))
        case .indexed:
            text.append(UInt8(ascii: "["))
            var isFirst = true
            for (_, node) in elements.sorted(by: { $0.key < $1.key }) {
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                node.append(to: &text, dropsIndex: dropsIndex)
            }
            text.append(UInt8(ascii: "]"))
        }
    }

    /// Makes the value the JSON text `json`.
    func replace(with json: [UInt8]) { (form, bytes, members, elements) = (.raw, json, [], [:]) }

    /// Gives an object the member `key`, before the others, when it has none.
    func addFirst(_ key: String, json: [UInt8]) {
        guard self[key] == nil else { return }
        let node = StreamNode()
        node.replace(with: json)
        members.insert((key, node), at: 0)
    }
}
