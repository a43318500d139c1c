/// What an arm brought so far.
///
/// One observation of each metric per unit, not per job: jobs of one unit are alike, and taken for independent they
/// would make intervals too narrow. SQL averages by unit first; a job without a unit key is its own unit. Two tallies
/// can be joined.
package struct ArmTally: Sendable, Hashable {
    /// Units that were assigned to it and asked for something.
    package var exposures: Int
    /// Their figures. Not every unit has each: a failure has no latency, and few users score.
    package var moments: [Metric: Moments]

    /// A tally.
    package init(exposures: Int = 0, moments: [Metric: Moments] = [:]) {
        self.exposures = exposures
        self.moments = moments
    }

    /// Adds a unit's figure.
    package mutating func record(_ value: Double, for metric: Metric) {
        moments[metric, default: Moments()].record(value)
    }

    /// Adds the units of another.
    package mutating func merge(_ other: ArmTally) {
        exposures += other.exposures
        for (metric, moments) in other.moments { self.moments[metric, default: Moments()].merge(moments) }
    }

    /// The moments of a metric; empty when there is none.
    package subscript(metric: Metric) -> Moments { moments[metric] ?? Moments() }
}
