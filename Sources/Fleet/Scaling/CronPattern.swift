/// The minutes a pattern of five cron fields matches, in UTC: minute, hour, day of the month, month, day of the week.
///
/// Fields are `*`, numbers, ranges, lists and steps (`*/15`, `8-18/2`, `1,3,5`); months and days also by their English
/// names of three letters; 0 and 7 are Sunday. A range whose end is below its beginning goes over the end of the hour, day,
/// month, year or week: `22-6`, `sat-sun`. As in cron, when both days are restricted either may match.
/// `sluice.check_schedule` takes the same.
package struct CronPattern: Sendable, Hashable {
    /// Why a text is no pattern, in one sentence.
    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    private struct Field {
        let name: String
        let range: ClosedRange<Int>
        /// After how many values it begins again: 7 is Sunday, as 0 is.
        let cycle: Int
        var words: [String] = []
    }

    private static let fields = [
        Field(name: "minute", range: 0...59, cycle: 60), Field(name: "hour", range: 0...23, cycle: 24),
        Field(name: "day of the month", range: 1...31, cycle: 31),
        Field(
            name: "month", range: 1...12, cycle: 12,
            words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        Field(
            name: "day of the week", range: 0...7, cycle: 7,
            words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ]
    /// The longest text that is read.
    package static let maximumLength = 200

    /// The text it was made of.
    package let text: String
    /// One bit for each value of each field.
    private let masks: [UInt64]
    private let restrictsDay: Bool
    private let restrictsWeekday: Bool

    /// Reads a pattern.
    package init(_ text: String) throws(Malformed) {
        guard text.utf8.count <= Self.maximumLength else {
            throw Malformed(description: "A cron pattern has at most \(Self.maximumLength) characters.")
        }
        let parts = text.split { $0 == " " || $0 == "\t" }
        guard parts.count == Self.fields.count else {
            throw Malformed(
                description:
                    "A cron pattern has five fields (minute, hour, day, month, weekday); \"\(text)\" has \(parts.count)."
            )
        }
        var masks: [UInt64] = []
        for (field, part) in zip(Self.fields, parts) { masks.append(try Self.mask(part, of: field)) }
        // 7 is Sunday as well as 0.
        if masks[4] & 1 << 7 != 0 { masks[4] |= 1 }
        self.text = text
        self.masks = masks
        restrictsDay = !parts[2].hasPrefix("*")
        restrictsWeekday = !parts[4].hasPrefix("*")
    }

    private static func mask(_ text: Substring, of field: Field) throws(Malformed) -> UInt64 {
        let wrong = Malformed(description: "\"\(text)\" is no \(field.name) of a cron pattern.")
        func value(_ word: Substring) -> Int? {
            if let index = field.words.firstIndex(of: word.lowercased()) { return field.range.lowerBound + index }
            return number(word).flatMap { field.range.contains($0) ? $0 : nil }
        }
        func number(_ word: Substring) -> Int? {
            1...2 ~= word.utf8.count && word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(word) : nil
        }
        var mask: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = halves.first else { throw wrong }
            var (low, high) = (field.range.lowerBound, field.range.upperBound)
            if first != "*" {
                let ends = first.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                guard let begin = value(ends[0]), let end = ends.count > 1 ? value(ends[1]) : begin else { throw wrong }
                low = begin
                if ends.count > 1 || halves.count == 1 { high = end }
            }
            var step = 1
            if halves.count > 1 {
                guard let number = number(halves[1]), 1...60 ~= number else { throw wrong }
                step = number
            }
            // Over the end it goes on at the beginning.
            let zero = field.range.lowerBound
            let last = low <= high ? high : low + (high - low + 2 * field.cycle) % field.cycle
            for value in stride(from: low, through: last, by: step) {
                mask |= 1 << UInt64(low <= high ? value : zero + (value - zero) % field.cycle)
            }
        }
        return mask
    }

    /// Whether the minute that `second` (since 1970, UTC) lies in matches.
    package func matches(_ second: Int) -> Bool {
        let minutes = Self.floor(second, 60)
        let days = Self.floor(minutes, 1440)
        let minute = minutes - days * 1440
        let (month, day) = Self.monthAndDay(days)
        func has(_ field: Int, _ value: Int) -> Bool { masks[field] & 1 << UInt64(value) != 0 }
        guard has(0, minute % 60), has(1, minute / 60), has(3, month) else { return false }
        // 1 January 1970 was a Thursday.
        let weekday = ((days + 4) % 7 + 7) % 7
        if restrictsDay, restrictsWeekday { return has(2, day) || has(4, weekday) }
        return has(2, day) && has(4, weekday)
    }

    private static func floor(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    /// The month and day of a day since 1970 (Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    private static func monthAndDay(_ days: Int) -> (month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floor(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        return (shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
