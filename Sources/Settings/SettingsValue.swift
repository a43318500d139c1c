/// A type a setting can have: how its text is read, and how to tell people what is expected.
package protocol SettingsValue: Sendable {
    /// What is expected, to follow "must be".
    static var shape: String { get }
    /// The value of the text, or nil when it is none.
    init?(settingsText text: String)
}

extension String: SettingsValue {
    package static var shape: String { "text" }
    package init?(settingsText text: String) { self = text }
}

extension Int: SettingsValue {
    package static var shape: String { "a whole number" }
    package init?(settingsText text: String) { self.init(text) }
}

extension Bool: SettingsValue {
    package static var shape: String { "true or false" }
    package init?(settingsText text: String) {
        switch text.lowercased() {
        case "true", "yes", "on", "1": self = true
        case "false", "no", "off", "0": self = false
        default: return nil
        }
    }
}

extension Duration: SettingsValue {
    package static var shape: String { "a duration such as 500ms, 15s, 2m, 1h or 7d" }
    package init?(settingsText text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        // A year is more than anything here may last, and keeps every sum of durations in range.
        guard let count = Int64(digits), (0...31_536_000_000).contains(count) else { return nil }
        let milliseconds: Int64
        switch text.dropFirst(digits.count) {
        case "ms": milliseconds = count
        case "s": milliseconds = count * 1_000
        case "m": milliseconds = count * 60_000
        case "h": milliseconds = count * 3_600_000
        case "d": milliseconds = count * 86_400_000
        default: return nil
        }
        guard milliseconds <= 31_536_000_000 else { return nil }
        self = .milliseconds(milliseconds)
    }
}

/// A number of bytes, written as `512MiB`.
package struct ByteCount: SettingsValue, Hashable {
    /// How many.
    package var bytes: Int

    package static var shape: String { "a size such as 512MiB or 2GiB" }

    /// So many bytes.
    package init(_ bytes: Int) { self.bytes = bytes }

    package init?(settingsText text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), count <= 1 << 20 || digits.count == text.count else { return nil }
        switch text.dropFirst(digits.count).lowercased() {
        case "": bytes = count
        case "kib": bytes = count << 10
        case "mib": bytes = count << 20
        case "gib": bytes = count << 30
        default: return nil
        }
    }
}

/// A setting that is one of a few words.
package protocol SettingsWord: SettingsValue, RawRepresentable<String>, CaseIterable {}

extension SettingsWord {
    package static var shape: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }
    package init?(settingsText text: String) { self.init(rawValue: text) }
}
