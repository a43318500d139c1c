/// How the deployments of a model are steered. One per model; every part has the design's defaults.
package struct ModelPolicy: Sendable, Hashable {
    /// How traffic is split.
    package var strategy = ShareStrategy.leastBusy
    /// What makes a deployment healthy.
    package var health = HealthPolicy()
    /// When one is isolated, and how it comes back.
    package var breaker = BreakerPolicy()
    /// The part of the capacity that is never isolated, 0 to 1.
    package var panicFloor = 0.5
    /// A deployment without an objective is expected to be no slower than this many times the median of its peers' 95th
    /// percentiles.
    package var peerLatency = 2.0
    /// Shares that would change by no more than this part of the traffic stay as they are, unless somebody enters or
    /// leaves service or takes a step: every move costs somebody's cache.
    package var damping = 0.02

    /// The defaults.
    package init() {}
}
