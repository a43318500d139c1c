/// Why settings could not be read. `description` is one sentence that names the value's place.
package struct SettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Code: String, Sendable {
        /// A value is there and is not of the expected shape.
        case invalidValue = "invalid_value"
        /// The settings file is missing, unreadable or no YAML mapping.
        case unreadableFile = "unreadable_file"
        /// Values are readable and do not fit together or are out of range.
        case unusable
    }

    /// What kind of failure it is.
    package let code: Code
    /// What is wrong, where, and what would be right.
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
