/// An instant of the database's clock, written in UTC.
public struct UTCTime: Sendable, Hashable {
    /// Microseconds since 1970-01-01 00:00 UTC, the precision of PostgreSQL.
    public let unixMicroseconds: Int64

    /// The instant `unixMicroseconds` after 1970 began.
    public init(unixMicroseconds: Int64) { self.unixMicroseconds = unixMicroseconds }

    /// As RFC 3339 writes it, for scripts: `2026-05-01T12:34:56.123456Z`.
    public var rfc3339: String {
        let (date, time, fraction) = parts
        let digits = String(fraction)
        return date + "T" + time + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }

    /// For people: `2026-05-01 12:34:56Z`.
    public var short: String { parts.date + " " + parts.time + "Z" }

    private var parts: (date: String, time: String, fraction: Int64) {
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (seconds, fraction) = Self.floored(unixMicroseconds, by: 1_000_000)
        let (days, second) = Self.floored(seconds, by: 86_400)
        // Days since 0000-03-01, in eras of 400 years, as in Howard Hinnant's "chrono-compatible low-level date algorithms".
        let (era, day) = Self.floored(days + 719_468, by: 146_097)
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let calendarMonth = month < 10 ? month + 3 : month - 9
        let calendarYear = year + era * 400 + (calendarMonth <= 2 ? 1 : 0)
        let digits = String(calendarYear.magnitude)
        let padded = (calendarYear < 0 ? "-" : "") + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        let date = "\(padded)-\(two(calendarMonth))-\(two(dayOfYear - (153 * month + 2) / 5 + 1))"
        return (date, "\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))", fraction)
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
