/// Jobs in the order they came: when, and how long each runs.
package struct Trace: Sendable, Hashable {
    /// The most jobs a trace has.
    package static let jobLimit = 5_000_000

    /// What it is called in reports.
    package var name: String
    /// Seconds since the start of the trace, rising.
    package let arrivals: [Double]
    /// The run time of each job in seconds.
    package let services: [Double]
    /// Seconds from 1970 (UTC) to its start; 0 where nobody knows.
    package var epoch = 0

    /// A trace of jobs in any order; those beyond `jobLimit` are left out.
    package init(name: String, jobs: [(arrival: Double, service: Double)], epoch: Int = 0) {
        let jobs = jobs.sorted { $0.arrival < $1.arrival }.prefix(Self.jobLimit)
        self.name = name
        self.epoch = epoch
        arrivals = jobs.map(\.arrival)
        services = jobs.map(\.service)
    }

    /// The sum of all run times.
    package var work: Double { services.reduce(0, +) }
    /// From the start to the last arrival.
    package var length: Double { arrivals.last ?? 0 }
}
