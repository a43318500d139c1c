/// What an autoscaler has learned, to be kept for the next controller. Bounded: a few tens of kilobytes.
package struct ScalingMemory: Sendable, Hashable, Codable {
    /// The decayed mean run time of a job in seconds, and how many it rests on.
    package var runTime = 1.0
    package var runTimeWeight = 0.0
    /// The last start times in seconds, the oldest first.
    package var startTimes: [Double] = []

    /// Nothing learned.
    package init() {}
}
