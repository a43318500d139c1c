internal import NIOHTTP1

/// How long an upstream asks to wait.
enum RetryAfter {
    /// The longest wait that is believed.
    static let maximum = Duration.seconds(86_400)

    /// The wait in the headers of an answer that came at `now`, seconds since 1970; nil when they say nothing.
    ///
    /// `retry-after-ms` and `retry-after` (seconds or a date) come first. Otherwise the `x-ratelimit-reset-*` headers: the
    /// longest of the limits whose `x-ratelimit-remaining-*` is 0, or, when no such header says which limit was hit, the
    /// shortest, since asking too early costs a request and asking too late costs minutes.
    static func wait(in headers: HTTPHeaders, now: Double) -> Duration? {
        if let text = headers.first(name: "retry-after-ms"), let milliseconds = number(text) {
            return duration(milliseconds / 1_000)
        }
        if let text = headers.first(name: "retry-after") {
            if let seconds = number(text) { return duration(seconds) }
            if let date = HTTPDate.seconds(text) { return duration(date - now) }
        }
        var resets: [(wait: Double, isHit: Bool)] = []
        for (name, value) in headers {
            let name = name.lowercased()
            guard name.hasPrefix("x-ratelimit-reset"), let wait = reset(value, now: now) else { continue }
            let limit = name.dropFirst("x-ratelimit-reset".count)
            let remaining = headers.first(name: "x-ratelimit-remaining" + limit).flatMap(number)
            resets.append((wait, remaining == 0))
        }
        let hit = resets.filter(\.isHit).map(\.wait).max()
        return (hit ?? resets.map(\.wait).min()).map(duration)
    }

    /// Seconds of a reset: `1s`, `6m0s`, `20ms`, `1h2m3.5s`, a number of seconds, seconds since 1970, or a date.
    static func reset(_ text: String, now: Double) -> Double? {
        if let seconds = number(text) {
            // No limit is reset in thirty years; such a number is a time.
            return seconds > 1e12 ? seconds / 1_000 - now : seconds > 1e9 ? seconds - now : seconds
        }
        return spans(text) ?? HTTPDate.seconds(text).map { $0 - now }
    }

    /// The sum of numbers with units, such as `1m30.5s`.
    static func spans(_ text: String) -> Double? {
        var total = 0.0
        var rest = text.utf8[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".") }
            guard !digits.isEmpty, let value = Double(String(Substring(digits))) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = String(Substring(rest.prefix { !(0x30...0x39 ~= $0) }))
            rest = rest.dropFirst(unit.utf8.count)
            switch unit {
            case "ns": total += value / 1e9
            case "us", "µs": total += value / 1e6
            case "ms": total += value / 1e3
            case "s": total += value
            case "m": total += value * 60
            case "h": total += value * 3_600
            case "d": total += value * 86_400
            default: return nil
            }
        }
        return total
    }

    /// A number of at most 20 characters, digits and a point.
    private static func number(_ text: some StringProtocol) -> Double? {
        let digits = text.utf8.drop { $0 == 0x20 || $0 == 0x09 }
        guard 1...20 ~= digits.count, digits.allSatisfy({ 0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".") }) else {
            return nil
        }
        return Double(String(decoding: digits, as: UTF8.self))
    }

    private static func duration(_ seconds: Double) -> Duration {
        min(max(.zero, .milliseconds(Int64((min(max(seconds, 0), 1e6) * 1_000).rounded(.up)))), maximum)
    }
}
