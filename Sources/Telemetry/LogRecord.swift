package import Logging

/// One line of the log before it has a form. Pure, so that the forms can be tested without a clock or a file.
package struct LogRecord: Sendable {
    /// Milliseconds since 1970, UTC.
    package var milliseconds: Int64
    /// How severe it is.
    package var level: Logger.Level
    /// The logger's label.
    package var label: String
    /// What happened.
    package var message: String
    /// With what, in alphabetical order.
    package var metadata: [(key: String, value: String)]

    /// A record within `LogLimits`.
    package init(
        milliseconds: Int64, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata
    ) {
        self.milliseconds = milliseconds
        self.level = level
        self.label = label
        self.message = LogLimits.cut(message, to: LogLimits.messageBytes)
        self.metadata = metadata.sorted { $0.key < $1.key }.prefix(LogLimits.entries).map {
            (key: $0.key, value: LogLimits.cut("\($0.value)", to: LogLimits.valueBytes))
        }
    }

    /// `2026-01-31T23:59:59.123Z`.
    var timestamp: String {
        let (days, ofDay) = milliseconds.floorDivided(by: 86_400_000)
        let date = Self.date(days: days)
        let (seconds, rest) = ofDay.floorDivided(by: 1_000)
        let clock = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { Self.padded($0, 2) }.joined(separator: ":")
        return "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))T"
            + "\(clock).\(Self.padded(rest, 3))Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The Gregorian date so many days after 1970-01-01, counted in eras of 400 years that begin in March.
    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
