/// Decides from when on a job of one model is late, and how many second attempts there may be.
///
/// Late is what takes longer than 95 of 100 successes of the last minutes did. Every attempt earns a part of a second one;
/// what the last minutes did not use is gone, so that a calm hour does not pay for a storm. Begins with nothing: a new
/// leader of the fleet hedges when it has seen enough.
package struct Hedging: Sendable {
    /// What is to be done now.
    package struct Order: Sendable, Hashable {
        /// A job is late that a worker has held for so long.
        package var after: Duration
        /// At most this many second attempts are begun.
        package var limit: Int
    }

    /// What the percentile is taken of, and what credit is kept for.
    package static let window = Duration.seconds(300)

    /// Nil: nothing is hedged.
    package var policy: HedgePolicy?
    private var outcomes = OutcomeWindow(length: Self.window)
    private var credit = 0.0

    /// A model nothing is known of.
    package init(_ policy: HedgePolicy? = nil) { self.policy = policy }

    /// Attempts ended, second ones among them.
    package mutating func observed(_ summary: OutcomeSummary, at now: Duration) {
        guard !summary.isEmpty else { return }
        outcomes.record(summary, at: now)
        if let policy { credit += policy.ratio * Double(summary.attempts) }
    }

    /// Whom to hedge; nil: nobody.
    package mutating func order(at now: Duration) -> Order? {
        guard let policy else {
            credit = 0
            return nil
        }
        let total = outcomes.total(at: now)
        credit = min(credit, policy.ratio * Double(total.attempts))
        guard credit >= 1, total.latencies.count >= policy.minimumSample, let late = total.latencies.quantile(0.95)
        else { return nil }
        return Order(after: max(policy.minimumWait, late), limit: Int(credit))
    }

    /// So many second attempts were begun.
    package mutating func began(_ count: Int) { credit -= Double(count) }
}

extension OutcomeSummary {
    /// How many attempts ended, whoever is to blame.
    var attempts: Int { succeeded + failed.values.reduce(0, +) }
}
