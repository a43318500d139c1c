/// When late jobs of a model get a second attempt; the first that answers is the answer ("The Tail at Scale", Dean and
/// Barroso, 2013). It costs tokens: a model has none unless its operators say so.
package struct HedgePolicy: Sendable, Hashable {
    /// The part of all attempts that may be second ones, 0 to 1.
    package var ratio = 0.05
    /// The least successes there must be for a percentile to mean anything.
    package var minimumSample = 100
    /// No job is hedged sooner.
    package var minimumWait = Duration.milliseconds(100)

    /// The defaults.
    package init() {}
}
