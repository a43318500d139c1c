/// An instant as PostgreSQL keeps it: microseconds since the beginning of 2000, UTC.
///
/// The type of timestamptz columns; a timestamp without time zone is read as UTC.
package struct Timestamp: Sendable, Hashable, Comparable, PostgresScalar, CustomStringConvertible {
    /// Microseconds since 2000-01-01T00:00:00Z.
    package var microseconds: Int64

    /// Seconds from 1970 to 2000.
    private static let epoch: Int64 = 946_684_800

    /// The instant that many microseconds after 2000-01-01T00:00:00Z.
    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// The instant `seconds` after 1970-01-01T00:00:00Z, rounded to microseconds and held to what can be represented.
    package init(unixSeconds seconds: Double) {
        let microseconds = ((seconds - Double(Self.epoch)) * 1_000_000).rounded()
        self.microseconds =
            microseconds >= 9.2e18 ? .max - 1 : microseconds <= -9.2e18 ? .min + 1 : Int64(microseconds)
    }

    /// The instant `seconds` after 1970-01-01T00:00:00Z, held to what can be represented.
    package init(unixSeconds seconds: Int64) {
        let (product, overflow) = (seconds &- Self.epoch).multipliedReportingOverflow(by: 1_000_000)
        microseconds = overflow ? (seconds < 0 ? .min + 1 : .max - 1) : product
    }

    /// Later than every instant.
    package static let infinity = Timestamp(microseconds: .max)
    /// Earlier than every instant.
    package static let minusInfinity = Timestamp(microseconds: .min)

    /// Seconds since 1970-01-01T00:00:00Z.
    ///
    /// Exact to a microsecond until the year 2255.
    package var unixSeconds: Double { Double(microseconds) / 1_000_000 + Double(Self.epoch) }
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    package var wholeUnixSeconds: Int64 { Self.floor(microseconds, 1_000_000).quotient + Self.epoch }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

    /// The time from `right` to `left`.
    package static func - (left: Self, right: Self) -> Duration {
        .microseconds(left.microseconds.subtractingReportingOverflow(right.microseconds).partialValue)
    }

    /// The instant in RFC 3339, in UTC, with the fraction left out when it is zero: `2026-01-31T23:59:59.25Z`; `infinity`
    /// and `-infinity` as the server writes them.
    package var description: String {
        guard self != .infinity else { return "infinity" }
        guard self != .minusInfinity else { return "-infinity" }
        let (seconds, micros) = Self.floor(microseconds, 1_000_000)
        let (days, secondOfDay) = Self.floor(seconds + Self.epoch, 86_400)
        // Days to civil date, after Howard Hinnant: eras of 400 years, years that begin in March.
        let shifted = days + 719_468
        let (era, dayOfEra) = Self.floor(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var text = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T"
        text += "\(Self.padded(secondOfDay / 3600, 2)):\(Self.padded(secondOfDay / 60 % 60, 2))"
        text += ":\(Self.padded(secondOfDay % 60, 2))"
        if micros != 0 {
            var fraction = Self.padded(micros, 6)
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += ".\(fraction)"
        }
        return text + "Z"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value.magnitude)
        return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func floor(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    package static var postgresType: PostgresType { .timestamptz }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1185) }

    package func encode(into writer: inout ValueWriter) { writer.write(microseconds) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Timestamp {
        guard type == .timestamptz || type == .timestamp else { throw .wrongType }
        return Timestamp(microseconds: try bytes.integer())
    }
}
