/// What is known of a deployment when its model's traffic is split.
package struct ShareCandidate: Sendable, Hashable {
    /// Its name.
    package var deployment: String
    /// Its declared weight, compared with the others'; 0 gets nothing.
    package var weight: Double
    /// Its tier, for `ShareStrategy.priority`.
    package var tier: Int
    /// The part of its weight its health leaves it (`HealthGrade`), 0 to 1.
    package var grade: Double
    /// Its health score, for `ShareStrategy.healthWeighted`.
    package var score: Double
    /// The part of its share that its breaker or a rollout allows, 0 to 1; 0 is out of service.
    package var fraction: Double
    /// The stretch of its place that a rollout gives it, within 0 to 1: what both versions of a pair have makes one
    /// whole.
    package var stretch: Range<Double>
    /// Its average latency, for `ShareStrategy.fastest`; nil when nothing is known.
    package var latency: Duration?
    /// Whether anybody runs its jobs, or would when there are some.
    package var isManned: Bool

    /// A candidate that is well, unless said otherwise.
    package init(
        _ deployment: String, weight: Double = 1, tier: Int = 0, grade: Double = 1, score: Double = 1,
        fraction: Double = 1, stretch: Range<Double> = 0..<1, latency: Duration? = nil, isManned: Bool = true
    ) {
        self.deployment = deployment
        self.weight = weight.isFinite ? max(0, weight) : 0
        self.tier = tier
        self.grade = min(max(0, grade), 1)
        self.score = min(max(0, score), 1)
        self.fraction = min(max(0, fraction), 1)
        self.stretch = stretch.clamped(to: 0..<1)
        self.latency = latency
        self.isManned = isManned
    }

    /// Whether it may have anything.
    package var isInService: Bool { fraction > 0 && grade > 0 && weight > 0 && !stretch.isEmpty }
}
