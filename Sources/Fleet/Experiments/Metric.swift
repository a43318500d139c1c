/// What is measured of an arm. The raw value is the word used in SQL and files.
package enum Metric: String, Sendable, CaseIterable {
    /// 1 for a success, 0 for a failure that is not the caller's.
    case success
    /// Seconds from the claim to the final, of successes.
    case latency
    /// Tokens, read and written.
    case tokens
    /// Money, in the currency of the price table.
    case cost
    /// What users gave the answer.
    case score

    /// Whether more is better.
    package var isBetterHigh: Bool { self == .success || self == .score }

    /// The figure as people read it.
    func text(_ value: Double) -> String {
        switch self {
        case .success: Prose.percent(value)
        case .latency: Prose.time(.seconds(value))
        case .tokens: Prose.number(value, digits: 1)
        case .cost: Prose.number(value, digits: 6)
        case .score: Prose.number(value, digits: 2)
        }
    }

    /// A difference as people read it, with its sign.
    func difference(_ value: Double) -> String {
        let sign = value < 0 ? "" : "+"
        if self == .success { return sign + Prose.number(value * 100, digits: 1) + " points" }
        return sign + text(value)
    }
}
