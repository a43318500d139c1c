/// A JSON text as a tree, for small texts such as configurations; bodies are read with `JSONCursor`.
public enum JSONValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Members in the order of the text.
    ///
    /// A key that comes twice is there twice.
    case object([Member])

    /// A member of an object.
    public struct Member: Sendable, Hashable {
        /// The key, escapes resolved.
        public var key: String
        /// The value.
        public var value: JSONValue

        /// A member of `key` and `value`.
        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value of the text, or nil when it is not exactly one JSON value.
    public init?(parsing bytes: UnsafeBufferPointer<UInt8>) {
        guard JSONCursor.isOneValue(bytes) else { return nil }
        var cursor = JSONCursor(bytes)
        guard let value = cursor.readValue() else { return nil }
        self = value
    }

    /// The value of the text, or nil when it is not exactly one JSON value.
    public init?(parsing bytes: [UInt8]) {
        guard let value = bytes.withUnsafeBufferPointer({ JSONValue(parsing: $0) }) else { return nil }
        self = value
    }

    /// The last member of that key when this is an object that has one.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    /// What kind of value this is, for messages: "a number", "null".
    public var kindName: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONCursor {
    /// Reads the next value into a tree.
    ///
    /// Only for text that `isOneValue` has passed: nesting is not counted again.
    public mutating func readValue() -> JSONValue? {
        guard let first = peek() else { return nil }
        switch first {
        case UInt8(ascii: "{"):
            guard enterObject() else { return nil }
            var members: [JSONValue.Member] = []
            var isFirst = true
            while true {
                switch nextKey(first: isFirst) {
                case .key(let range):
                    guard let value = readValue() else { return nil }
                    members.append(.init(key: text(in: range), value: value))
                case .end: return .object(members)
                case .element, .malformed: return nil
                }
                isFirst = false
            }
        case UInt8(ascii: "["):
            guard enterArray() else { return nil }
            var elements: [JSONValue] = []
            while true {
                switch nextElement(first: elements.isEmpty) {
                case .element:
                    guard let value = readValue() else { return nil }
                    elements.append(value)
                case .end: return .array(elements)
                case .key, .malformed: return nil
                }
            }
        case UInt8(ascii: "\""): return skipString().map { .string(text(in: $0)) }
        case UInt8(ascii: "t"): return skipValue().map { _ in .boolean(true) }
        case UInt8(ascii: "f"): return skipValue().map { _ in .boolean(false) }
        case UInt8(ascii: "n"): return skipValue().map { _ in .null }
        default: return skipValue().flatMap { number(in: $0) }.map { .number($0) }
        }
    }

    /// The number written in `range`, or nil when there is none.
    public func number(in range: Range<Int>) -> Double? {
        Double(String(decoding: bytes[range], as: UTF8.self))
    }

    /// The text of a string whose inside is `range`, escapes resolved.
    ///
    /// A lone surrogate becomes U+FFFD.
    public func text(in range: Range<Int>) -> String {
        guard bytes[range].contains(UInt8(ascii: "\\")) else { return String(decoding: bytes[range], as: UTF8.self) }
        var units: [UInt8] = []
        units.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                units.append(bytes[index])
                index += 1
                continue
            }
            index += 2
            switch bytes[index - 1] {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0c)
            case UInt8(ascii: "n"): units.append(0x0a)
            case UInt8(ascii: "r"): units.append(0x0d)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"): appendScalar(at: &index, before: range.upperBound, to: &units)
            default: units.append(bytes[index - 1])
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    private func appendScalar(at index: inout Int, before end: Int, to units: inout [UInt8]) {
        let first = codeUnit(at: index)
        index += 4
        var value = first
        if 0xd800..<0xdc00 ~= first, index + 6 <= end, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u"), case let second = codeUnit(at: index + 2), 0xdc00..<0xe000 ~= second
        {
            value = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            index += 6
        }
        units.append(contentsOf: String(Character(Unicode.Scalar(value) ?? "\u{fffd}")).utf8)
    }

    private func codeUnit(at index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 4 | (hexadecimal(bytes[index + $1]) ?? 0) }
    }
}
