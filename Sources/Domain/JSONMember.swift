/// Where a selected member's value is in the text that was scanned.
public struct JSONMember: Sendable, Hashable {
    /// What sort of value it is.
    public enum Kind: UInt8, Sendable {
        case null
        case bool
        case number
        case string
        case array
        case object
    }

    /// What sort of value it is.
    public let kind: Kind
    /// The value's bytes, from its first to behind its last: with the quotes of a string, the brackets of a container.
    public let range: Range<Int>
    /// Whether a string has escape sequences, so that its bytes are not yet its characters.
    ///
    /// False for other kinds.
    public let hasEscapes: Bool
    /// Whether it is a string, array or object with nothing in it.
    public let isEmpty: Bool

    /// What is between the quotes of a string or the brackets of a container; `range` for the other kinds.
    public var contents: Range<Int> {
        switch kind {
        case .string, .array, .object: range.lowerBound + 1..<range.upperBound - 1
        case .null, .bool, .number: range
        }
    }
}
