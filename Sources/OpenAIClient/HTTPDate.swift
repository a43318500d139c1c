/// Dates as HTTP headers write them: `Sun, 06 Nov 1994 08:49:37 GMT`, the two obsolete forms, and RFC 3339.
enum HTTPDate {
    /// Seconds since 1970, or nil when `text` is no date.
    static func seconds(_ text: String) -> Double? {
        if let stamp = rfc3339(text) { return stamp }
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        switch words.count {
        // Sun, 06 Nov 1994 08:49:37 GMT and Sunday, 06-Nov-94 08:49:37 GMT
        case 6:
            guard words[5] == "GMT" || words[5] == "UTC" else { return nil }
            return seconds(day: words[1], month: words[2], year: words[3], time: words[4])
        // Sun Nov  6 08:49:37 1994
        case 5: return seconds(day: words[2], month: words[1], year: words[4], time: words[3])
        default: return nil
        }
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    private static func seconds(day: String, month: String, year: String, time: String) -> Double? {
        guard let day = Int(day), let month = months.firstIndex(of: month.lowercased()), var year = Int(year) else {
            return nil
        }
        // Two digits: RFC 9110 wants the century nearest to now; everything alive is after 1970.
        if year < 70 { year += 2_000 } else if year < 100 { year += 1_900 }
        return seconds(year: year, month: month + 1, day: day, time: time)
    }

    /// `2026-11-21T10:28:00Z`, with a fraction, or with an offset such as `+02:00`.
    private static func rfc3339(_ text: String) -> Double? {
        let parts = text.split(separator: "T", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").map { Int($0) }
        guard date.count == 3, let year = date[0], let month = date[1], let day = date[2] else { return nil }
        var time = parts[1]
        var offset = 0
        if time.hasSuffix("Z") {
            time.removeLast()
        } else if let sign = time.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let zone = time[time.index(after: sign)...].split(separator: ":").map { Int($0) }
            guard zone.count == 2, let hours = zone[0], let minutes = zone[1], 0..<24 ~= hours, 0..<60 ~= minutes else {
                return nil
            }
            offset = (hours * 60 + minutes) * (time[sign] == "-" ? -60 : 60)
            time = time[..<sign]
        } else {
            return nil
        }
        return seconds(year: year, month: month, day: day, time: String(time)).map { $0 - Double(offset) }
    }

    private static func seconds(year: Int, month: Int, day: Int, time: String) -> Double? {
        let clock = time.split(separator: ":")
        guard clock.count == 3, let hour = Int(clock[0]), let minute = Int(clock[1]), let second = Double(clock[2]),
            1970...9999 ~= year, 1...12 ~= month, 1...31 ~= day, 0..<24 ~= hour, 0..<60 ~= minute, 0..<61 ~= second
        else { return nil }
        // Days from civil (Howard Hinnant): years begin in March, so that the leap day is the last.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Double(days * 86_400 + hour * 3_600 + minute * 60) + second
    }
}
