/// What is logged, and how.
package struct LogSettings: Sendable, Hashable {
    /// The least severe level that is written.
    package enum Level: String, SettingsWord {
        case trace, debug, info, notice, warning, error, critical
    }

    /// The form of a line.
    package enum Format: String, SettingsWord {
        /// For people.
        case human
        /// One JSON object per line.
        case json
    }

    /// The least severe level that is written.
    package var level = Level.info
    /// The form of a line.
    package var format = Format.human

    /// The defaults.
    package init() {}
}
