/// One side of an experiment. Arms may differ by deployment, parameters or prompt prefix; that is its owner's matter.
package struct Arm: Sendable, Hashable {
    /// Its name, unique within the experiment.
    package var name: String
    /// The buckets of 10,000 whose units get it; for a shadow, whose requests are copied to it. Sample sizes are tested
    /// against this.
    package var buckets: Int
    /// Whether its answers are only recorded: nobody is served by it, and units of every arm are copied to it.
    package var isShadow: Bool

    /// An arm.
    package init(_ name: String, buckets: Int, isShadow: Bool = false) {
        self.name = name
        self.buckets = min(max(0, buckets), BucketSet.bucketCount)
        self.isShadow = isShadow
    }
}
