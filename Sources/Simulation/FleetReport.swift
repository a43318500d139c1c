import Fleet

/// What became of a trace.
package struct FleetReport: Sendable {
    /// The fleet at one look.
    package struct Point: Sendable, Hashable {
        package let time: Double
        package let running: Int
        package let waiting: Int
        package let ready: Int
        package let desired: Int
        package let oldestWait: Double
    }

    /// Jobs of the trace, and the sum of their run times in seconds.
    package let jobs: Int
    package let work: Double
    /// What all workers were paid for, starts included.
    package internal(set) var workerSeconds = 0.0
    /// Starts that were asked for, and of these those that failed.
    package internal(set) var starts = 0
    package internal(set) var failedStarts = 0
    /// Jobs that no worker took before the simulation gave up, a day after the last arrival.
    package internal(set) var unserved = 0
    /// Seconds from the start of the trace to the end of the last job.
    package internal(set) var length = 0.0
    /// The part of jobs that started within the objective, 0 to 1.
    package private(set) var attainment = 0.0
    /// The fleet look by look, if that was asked for.
    package internal(set) var timeline: [Point] = []
    private var waits: [Float] = []

    init(jobs: Int, work: Double) {
        self.jobs = jobs
        self.work = work
        waits.reserveCapacity(jobs)
    }

    mutating func record(wait: Double) { waits.append(Float(wait)) }

    mutating func finish(objective: Double) {
        let inTime = waits.reduce(0) { $0 + ($1 <= Float(objective) + 0.0005 ? 1 : 0) }
        attainment = jobs == 0 ? 1 : Double(inTime) / Double(jobs)
        waits.sort()
    }

    /// Worker-seconds for each second of work.
    package var costRatio: Double { work > 0 ? workerSeconds / work : 0 }

    /// The mean wait of the served jobs, in seconds.
    package var meanWait: Double {
        waits.isEmpty ? 0 : waits.reduce(0) { $0 + Double($1) } / Double(waits.count)
    }

    /// The wait that a `share` (0 to 1) of the served jobs did not exceed.
    package func wait(quantile share: Double) -> Double {
        guard !waits.isEmpty else { return 0 }
        return Double(waits[min(waits.count - 1, max(0, Int((Double(waits.count) * share).rounded(.up)) - 1))])
    }
}
