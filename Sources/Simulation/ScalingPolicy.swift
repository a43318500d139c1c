/// What decides about workers in a simulation.
package protocol ScalingPolicy: Sendable {
    /// What it is called in reports.
    var name: String { get }
    /// Seconds between looks.
    var interval: Double { get }
    /// Seconds a worker may be idle before `FleetLook.expired` counts it; nil: nobody counts.
    var idleTimeout: Double? { get }

    /// The number of workers from now on, starting ones included.
    mutating func desired(_ look: borrowing FleetLook) -> Int
}

extension ScalingPolicy {
    package var idleTimeout: Double? { nil }
}

/// What a policy sees of the simulated fleet.
package struct FleetLook: ~Copyable {
    /// Seconds since the start.
    package internal(set) var time = 0.0
    /// Slots per worker.
    package internal(set) var slots = 1
    /// All arrivals of the trace; the jobs `waitingRange` of them wait.
    package internal(set) var allArrivals: [Double] = []
    package internal(set) var waitingRange = 0..<0
    /// Busy slots.
    package internal(set) var running = 0
    /// Workers that take jobs, and of these those that run one.
    package internal(set) var ready = 0
    package internal(set) var busyWorkers = 0
    /// When each of the starting workers was started, the oldest first.
    package internal(set) var starting: [Double] = []
    /// Workers idle longer than the policy's timeout.
    package internal(set) var expired = 0
    /// Since the last look: arrivals, finished starts and how long they took, failed ones, run times of ended jobs, jobs
    /// that began in time and late.
    package internal(set) var arrivals = 0
    package internal(set) var startsFinished: [Double] = []
    package internal(set) var startsFailed = 0
    package internal(set) var runTimes: [Double] = []
    package internal(set) var startedInTime = 0
    package internal(set) var startedLate = 0

    /// Jobs that wait.
    package var waiting: Int { waitingRange.count }
    /// Workers, starting ones included.
    package var workers: Int { ready + starting.count }

    /// How many of the waiting jobs have waited longer than so many seconds.
    package func waiting(longerThan seconds: Double) -> Int {
        // The oldest come first.
        var low = waitingRange.lowerBound
        var high = waitingRange.upperBound
        while low < high {
            let middle = (low + high) / 2
            if time - allArrivals[middle] > seconds { low = middle + 1 } else { high = middle }
        }
        return low - waitingRange.lowerBound
    }
}
