/// What an autoscaler has learned, to be kept for the next controller. Bounded: some 50 kB as JSON for 128 levels.
package struct ScalingMemory: Sendable, Hashable, Codable {
    struct Level: Sendable, Hashable, Codable {
        var gaps: GapTimes
        var saved: Double
        var savedWeight: Double
        var sinceNeed: Double?
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

    /// Nothing learned.
    package init() {}
}
