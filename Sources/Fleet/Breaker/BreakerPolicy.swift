/// When a deployment is isolated, for how long, and how it comes back. One per model.
package struct BreakerPolicy: Sendable, Hashable {
    /// The time over which ratios are measured.
    package var window = Duration.seconds(60)
    /// Fewer outcomes in the window open nothing by their ratio.
    package var minimumSample = 20
    /// A larger error ratio opens.
    package var errorLimit = 0.1
    /// More failures in a row than this open, whatever the ratio.
    package var maximumConsecutiveFailures = 3
    /// A larger ratio of refusals for want of room opens. Far above `errorLimit`: weight falls first.
    package var overloadLimit = 0.5
    /// The first time it is open.
    package var minimumOpen = Duration.seconds(30)
    /// The longest time it is open, unless the upstream asks for more.
    package var maximumOpen = Duration.seconds(300)
    /// The part of the open time that chance adds, so that deployments of one upstream do not come back together.
    package var jitter = 0.2
    /// How long it has to stay closed for each doubling of the open time to be forgotten (as Envoy's outlier detection
    /// does, one step per healthy interval).
    package var forgiveness = Duration.seconds(300)
    /// How it comes back.
    package var ramp = RampPolicy()

    /// The defaults.
    package init() {}
}
