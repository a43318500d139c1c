import Domain
import Fleet

extension OutcomeSummary {
    /// So many successes of this latency, then so many failures.
    static func of(
        ok: Int = 0, failed: Int = 0, as errorClass: ErrorClass = .retryable, seconds: Double = 1,
        retryAfter: Duration? = nil
    ) -> OutcomeSummary {
        var summary = OutcomeSummary()
        for _ in 0..<ok { summary.record(nil, latency: .seconds(seconds)) }
        for _ in 0..<failed { summary.record(errorClass, latency: .seconds(seconds), retryAfter: retryAfter) }
        return summary
    }

    /// Outcomes of a deployment that fails with this probability, in random order.
    static func random(
        _ count: Int, failing probability: Double, as errorClass: ErrorClass = .retryable, seconds: Double = 1,
        using generator: inout SeededGenerator
    ) -> OutcomeSummary {
        var summary = OutcomeSummary()
        for _ in 0..<count {
            let isFailure = Double.random(in: 0..<1, using: &generator) < probability
            summary.record(isFailure ? errorClass : nil, latency: .seconds(seconds))
        }
        return summary
    }
}
