/// What an experiment is to show, fixed before it starts: whoever chooses the metric afterwards finds one that moved.
package struct ExperimentPlan: Sendable, Hashable {
    /// A metric that must not get worse by more than this.
    package struct Guardrail: Sendable, Hashable {
        /// The metric.
        package var metric: Metric
        /// How much worse it may be, as a part of the control's mean: 0.1 is a tenth.
        package var tolerance: Double

        /// A guardrail.
        package init(_ metric: Metric, tolerance: Double = 0) {
            self.metric = metric
            self.tolerance = max(0, tolerance)
        }
    }

    /// The metric that decides.
    package var primary = Metric.success
    /// The metrics that may stop it.
    package var guardrails: [Guardrail] = []
    /// How often any of its intervals may ever miss the truth of the primary metric, 0 to 1; shared among the arms.
    package var alpha = 0.05
    /// With fewer units in either arm nothing is said: the intervals are for many.
    package var minimumSample = 100
    /// The number of units per arm at which the intervals are the narrowest.
    package var targetSample = 1_000
    /// A difference no larger than this is none worth having; nil when every difference is.
    package var indifference: Double?
    /// Sample sizes less likely than this mean that the assignment, or the counting, is broken. Small, since it is
    /// looked at every day.
    package var mismatchLimit = 0.001

    /// The defaults.
    package init() {}
}
