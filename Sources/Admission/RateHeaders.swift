/// The headers by which OpenAI's clients are told of limits. Pure.
package enum RateHeaders {
    /// What is known of one limit.
    package struct Level: Sendable, Hashable {
        package let maximum: Int
        package let remaining: Double

        package init(maximum: Int, remaining: Double) {
            self.maximum = maximum
            self.remaining = remaining
        }
    }

    /// `x-ratelimit-limit-…`, `-remaining-…` and `-reset-…` for `name`; of several levels the one that has least left.
    package static func headers(_ name: String, _ levels: [Level]) -> [(name: String, value: String)] {
        guard let level = levels.min(by: { $0.remaining < $1.remaining }) else { return [] }
        let missing = max(0, Double(level.maximum) - level.remaining)
        return [
            ("x-ratelimit-limit-\(name)", "\(level.maximum)"),
            ("x-ratelimit-remaining-\(name)", "\(max(0, Int(level.remaining)))"),
            ("x-ratelimit-reset-\(name)", text(.seconds(missing * 60 / Double(level.maximum)))),
        ]
    }

    /// A length of time as OpenAI writes it: `6m0s`, `1.5s`, `20ms`.
    package static func text(_ time: Duration) -> String {
        let milliseconds = max(0, Int((time.inSeconds * 1_000).rounded(.up)))
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000)
        let thousandths = rest % 1_000
        var digits = thousandths == 0 ? "" : ".\(String(thousandths + 1_000).dropFirst())"
        while digits.hasSuffix("0") { digits.removeLast() }
        let seconds = "\(rest / 1_000)\(digits)s"
        let (hours, ofHour) = (minutes / 60, minutes % 60)
        if hours > 0 { return "\(hours)h\(ofHour)m\(seconds)" }
        return minutes > 0 ? "\(minutes)m\(seconds)" : seconds
    }

    /// `Retry-After`: whole seconds, at least one.
    package static func retryAfter(_ time: Duration) -> Int { max(1, Int(time.inSeconds.rounded(.up))) }
}
