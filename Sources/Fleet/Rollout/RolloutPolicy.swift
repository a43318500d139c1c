/// How a new version of a model takes over.
package struct RolloutPolicy: Sendable, Hashable {
    /// Its steps, and what each has to prove.
    package var ramp = RampPolicy()
    /// Percentages at which it waits for an operator after the step has passed.
    package var gates: Set<Int> = []
    /// How much slower than the old version's 95th percentile the new one may be when that is over the objective, or
    /// when there is none: 1.25 is a quarter.
    package var latencyTolerance = 1.25
    /// The time the old version is looked back for.
    package var window = Duration.seconds(60)

    /// The defaults.
    package init() {}
}
