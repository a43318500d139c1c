package import Domain

/// When a second attempt is started beside one that is late; the first final wins, by the fence ("The Tail at Scale",
/// Dean and Barroso, 2013). Off by default: it costs tokens.
package struct HedgePolicy: Sendable, Hashable {
    /// Whether it is done at all.
    package var isEnabled = false
    /// The least latency outcomes there must be for a percentile to mean anything.
    package var minimumSample = 100
    /// No job is hedged sooner.
    package var minimumWait = Duration.milliseconds(100)
    /// The second attempts one first attempt earns: never more than this part of all, 0 to 1.
    package var ratio = 0.05

    /// The defaults.
    package init() {}

    /// The budget second attempts are paid from, apart from that of retries.
    package func makeBudget(at now: Duration) -> RetryBudget {
        var policy = RetryBudget.Policy()
        policy.ratio = ratio
        policy.perSecond = 0
        return RetryBudget(policy, at: now)
    }

    /// How long after its start a job gets a second attempt: after the 95th percentile of the model's latency. Nil when
    /// it never does: hedging is off, nobody waits for the answer, too little is known, or there is no deployment to
    /// ask that is not busy with it already.
    ///
    /// - Parameters:
    ///   - latencies: of the model's recent successes.
    ///   - parts: the part of the traffic of each deployment in service.
    ///   - running: the deployment that has the job.
    package func wait(
        priority: Priority, latencies: LatencyHistogram, parts: [String: Double], running: String
    ) -> Duration? {
        guard isEnabled, priority <= .interactive, latencies.count >= minimumSample,
            parts.contains(where: { $0.key != running && $0.value > 0 }), let p95 = latencies.quantile(0.95)
        else { return nil }
        return max(minimumWait, p95)
    }
}
