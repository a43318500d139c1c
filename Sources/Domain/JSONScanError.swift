/// Why a text is not the JSON that was asked for, and where.
public struct JSONScanError: Error, Sendable, Hashable {
    /// What is wrong.
    public enum Code: String, Sendable, CaseIterable {
        /// The text is empty or only white space.
        case empty
        /// The text stops inside a value.
        case unexpectedEnd = "unexpected_end"
        /// No value can start with this byte.
        case expectedValue = "expected_value"
        /// A member of an object has to start with a string.
        case expectedName = "expected_name"
        /// A member's name is not followed by a colon.
        case expectedColon = "expected_colon"
        /// A member or element is followed by neither a comma nor the end of its container.
        case expectedCommaOrEnd = "expected_comma_or_end"
        /// Something other than white space follows the value.
        case trailingBytes = "trailing_bytes"
        /// A word that is not `true`, `false` or `null`.
        case invalidLiteral = "invalid_literal"
        /// A number that JSON does not allow: a leading zero or plus, a missing digit.
        case invalidNumber = "invalid_number"
        /// A control character (below U+0020) that is not escaped, inside a string.
        case controlCharacter = "control_character"
        /// A backslash followed by something JSON does not define.
        case invalidEscape = "invalid_escape"
        /// Half of a surrogate pair: no text at all, and refused by PostgreSQL.
        case loneSurrogate = "lone_surrogate"
        /// Bytes that are not UTF-8.
        case invalidUTF8 = "invalid_utf8"
        /// More containers inside each other than allowed.
        case tooDeep = "too_deep"
        /// A selected member is there twice, so that readers may disagree about its value.
        case duplicateMember = "duplicate_member"
    }

    /// What is wrong.
    public let code: Code
    /// The offset of the offending byte, counted from 0; the length of the text when it stops too early.
    public let offset: Int

    /// An error of kind `code` at `offset`.
    public init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }
}

extension JSONScanError: CustomStringConvertible {
    /// One sentence with the place.
    ///
    /// It never quotes the text.
    public var description: String {
        let place = offset + 1
        return switch code {
        case .empty: "There is no JSON value."
        case .unexpectedEnd: "The JSON stops too early, after \(offset) bytes."
        case .expectedValue: "A JSON value was expected at byte \(place)."
        case .expectedName: "A member's name in double quotes was expected at byte \(place)."
        case .expectedColon: "A colon was expected at byte \(place)."
        case .expectedCommaOrEnd: "A comma or the end of the object or array was expected at byte \(place)."
        case .trailingBytes: "Something follows the end of the JSON value at byte \(place)."
        case .invalidLiteral: "A word other than true, false and null stands at byte \(place)."
        case .invalidNumber: "The number at byte \(place) is not a JSON number."
        case .controlCharacter: "An unescaped control character stands in a string at byte \(place)."
        case .invalidEscape: "The escape sequence at byte \(place) is not one of JSON's."
        case .loneSurrogate: "The escape sequence at byte \(place) is half of a surrogate pair."
        case .invalidUTF8: "The bytes from byte \(place) on are not UTF-8."
        case .tooDeep: "Objects and arrays are nested too deeply at byte \(place)."
        case .duplicateMember: "The member at byte \(place) is there twice."
        }
    }
}
