/// Sees trouble coming: what rises steadily, and when it will be at its limit.
package struct TroubleForecast: Sendable, Hashable {
    /// Trouble ahead.
    package struct Warning: Sendable, Hashable {
        /// What rises.
        package let aspect: HealthScore.Aspect
        /// How long until the limit.
        package let timeLeft: Duration
        /// For people: "memory 71%, at its limit in 6 min".
        package let text: String
    }

    /// Points are at least this far apart.
    package static let spacing = Duration.seconds(10)

    private var latency = Trend()
    private var errors = Trend()
    private var memory = Trend()
    private var pending = OutcomeSummary()
    private var next = Duration.zero
    private var hasStarted = false
    /// What will be at its limit within the policy's horizon and is not yet, the nearest first. As of the last point.
    package private(set) var warnings: [Warning] = []

    /// Nothing is known.
    package init() {}

    /// Adds what happened since the last call, and how much memory is used now.
    ///
    /// - Parameter latencyObjective: what the 95th percentile should not exceed; nil when latency has no limit.
    package mutating func record(
        _ outcomes: OutcomeSummary, memory used: Double?, policy: HealthPolicy, latencyObjective: Duration?,
        at now: Duration
    ) {
        if !hasStarted {
            hasStarted = true
            next = now + Self.spacing
        }
        pending.append(outcomes)
        guard now >= next else { return }
        next = now + Self.spacing
        // Each point from outcomes of its own: overlapping windows would look like a trend.
        if let p95 = pending.latencies.quantile(0.95) { latency.record(p95.seconds, at: now) }
        if pending.judged > 0 { errors.record(pending.errorRatio, at: now) }
        if let used { memory.record(used, at: now) }
        pending = OutcomeSummary()
        warnings = look(policy, latencyObjective)
    }

    private func look(_ policy: HealthPolicy, _ latencyObjective: Duration?) -> [Warning] {
        var warnings: [Warning] = []
        func consider(_ aspect: HealthScore.Aspect, _ trend: Trend, limit: Double, _ figure: (Double) -> String) {
            guard let left = trend.time(to: limit), left > .zero, left <= policy.horizon, let last = trend.points.last
            else { return }
            warnings.append(
                Warning(
                    aspect: aspect, timeLeft: left,
                    text: "\(figure(last.value)) and rising, at its limit in \(Prose.time(left))"))
        }
        if let objective = latencyObjective {
            consider(.latency, latency, limit: objective.seconds) { "p95 \(Prose.time(.seconds($0)))" }
        }
        consider(.errors, errors, limit: policy.errorLimit) { "errors \(Prose.percent($0))" }
        consider(.memory, memory, limit: 1) { "memory \(Prose.percent($0, digits: 0))" }
        return warnings.sorted { $0.timeLeft < $1.timeLeft }
    }

    /// Forgets everything.
    package mutating func forget() { self = TroubleForecast() }
}
