/// What an autoscaler has learned, to be kept for the next controller. Bounded: some 50 kB as JSON for 128 levels.
package struct ScalingMemory: Sendable, Hashable, Codable {
    struct Level: Sendable, Hashable, Codable {
        var gaps: GapTimes
        var saved: Double
        var savedWeight: Double
        var sinceNeed: Double?
        /// What the need that runs has brought in time so far; nil: none runs.
        var savedNow: Double?
    }

    /// How long it has looked, in seconds.
    package internal(set) var age = 0.0
    /// The last run times of jobs, in seconds.
    package internal(set) var runTimes: [Double] = []
    /// The last start times of workers, in seconds.
    package internal(set) var startTimes: [Double] = []
    var levels: [Level] = []
    var workersPerLevel = 1
    var highest = 0
    var tension = Tension()
    var forecast = SeasonalForecast()
    var watch = ArrivalWatch()
    /// What the last hour cost; nil: an older version wrote this.
    var budget: HourBudget?
    /// Arrivals per second over about an hour, which the owner averages for what a warm worker is worth; nil: not known.
    package var arrivalRate: Double?

    /// Nothing learned.
    package init() {}

    /// Whether it is of the sizes this version counts with. What another version wrote may not be.
    package var isWhole: Bool {
        levels.allSatisfy(\.gaps.isWhole) && workersPerLevel > 0 && highest >= 0 && forecast.isWhole && watch.isWhole
            && budget?.isWhole ?? true
    }
}
