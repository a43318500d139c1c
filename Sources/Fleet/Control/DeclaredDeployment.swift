/// A deployment as its owner declared it.
package struct DeclaredDeployment: Sendable, Hashable {
    /// Its name.
    package var name: String
    /// Its weight, compared with the others'.
    package var weight: Double
    /// Its tier, for `ShareStrategy.priority`.
    package var tier: Int
    /// What the 95th percentile of its latency should not exceed.
    package var latencyObjective: Duration?

    /// A deployment.
    package init(
        _ name: String, weight: Double = 1, tier: Int = 0, latencyObjective: Duration? = nil
    ) {
        self.name = name
        self.weight = weight
        self.tier = tier
        self.latencyObjective = latencyObjective
    }
}
