/// Colours, or none: a value that knows whether they are wanted.
public struct Palette: Sendable, Hashable {
    /// What a piece of text can look like.
    public enum Style: Int, Sendable, CaseIterable {
        case bold = 1
        case dim = 2
        case red = 31
        case green = 32
        case yellow = 33
        case blue = 34
        case cyan = 36
    }

    /// Whether text is coloured.
    public let isOn: Bool

    /// Text as it is.
    public static let plain = Palette(isOn: false)

    /// Colours when `isOn`.
    public init(isOn: Bool) { self.isOn = isOn }

    /// Colours when the output is a terminal and the environment does not object: `NO_COLOR` set to anything but the
    /// empty string, or `TERM=dumb`.
    public init(isTerminal: Bool, environment: [String: String]) {
        isOn = isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// `text` in `styles`.
    public func paint(_ text: String, _ styles: Style...) -> String {
        guard isOn, !styles.isEmpty, !text.isEmpty else { return text }
        return "\u{1B}[" + styles.map { String($0.rawValue) }.joined(separator: ";") + "m" + text + "\u{1B}[0m"
    }
}
