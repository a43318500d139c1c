import Postgres

/// A full queue drained by real worker processes, against the same functions called by two bare connections.
package struct DrainShape: Shape {
    package static let name = "drain"
    package static let abstract = "drain a full queue through two worker processes, against bare claim and finish calls"

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        var bare: [Double] = []
        var real: [Double] = []
        for round in 1...laboratory.rounds {
            laboratory.say("round \(round): two bare connections")
            bare.append(try await Self.bareDrain(laboratory))
            laboratory.say("round \(round): two worker processes")
            real.append(try await Self.workerDrain(laboratory, "drain"))
        }
        let ratio = (real.max() ?? 0) / (bare.max() ?? 1)
        return [
            Measurement(
                Self.name, "two worker processes, mock at 0 ms",
                "\(rate(real.max() ?? 0)) = \(percent(ratio)) of bare claim and finish (\(rate(bare.max() ?? 0)))",
                target: "at least 50%", isMet: ratio >= 0.5,
                figures: [
                    "jobs_per_second": real.max() ?? 0, "bare_jobs_per_second": bare.max() ?? 0, "ratio": ratio,
                ])
        ]
    }

    /// Jobs per second of two bare connections in batches of 100.
    static func bareDrain(_ laboratory: Laboratory) async throws -> Double {
        try await laboratory.withDatabase("bare") { database in
            try await database.fill(laboratory.jobs)
            try await withThrowingTaskGroup { group in
                for _ in 0..<2 {
                    let worker = try await database.bareWorker()
                    group.addTask {
                        let count = try await worker.drain(batch: 100)
                        worker.connection.close()
                        return count
                    }
                }
                try await group.waitForAll()
            }
            try await database.verify(jobs: laboratory.jobs)
            return Double(laboratory.jobs) / (try await database.drainSeconds())
        }
    }

    /// Jobs per second of two worker processes, in a database of their own; `around` is called with the drain and decides
    /// what is held while it goes on. With `isSwept` a supervisor keeps the queue in shape meanwhile, as it does in service.
    static func workerDrain(
        _ laboratory: Laboratory, _ name: String, isSwept: Bool = false,
        around: (BenchDatabase, () async throws -> Double) async throws -> Double = { try await $1() }
    ) async throws -> Double {
        try await laboratory.withDatabase(name, slots: 256) { database in
            try await database.fill(laboratory.jobs)
            return try await around(database) {
                if isSwept {
                    try await laboratory.withProcess(["supervisor"], url: database.url) {
                        try await work(database, laboratory)
                    }
                } else {
                    try await work(database, laboratory)
                }
                let seconds = try await database.drainSeconds()
                try await database.verify(jobs: laboratory.jobs)
                return Double(laboratory.jobs) / seconds
            }
        }
    }

    private static func work(_ database: BenchDatabase, _ laboratory: Laboratory) async throws {
        let worker = ["worker", "--deployment", "bench"]
        try await laboratory.withProcess(worker, url: database.url) {
            try await laboratory.withProcess(worker, url: database.url) {
                try await database.waitForResults(laboratory.jobs)
            }
        }
    }
}

func rate(_ perSecond: Double) -> String { "\(Int(perSecond.rounded())) jobs/s" }
/// The median, of an even number the upper one; not a number when there are none.
func middle(of values: [Double]) -> Double { values.isEmpty ? .nan : values.sorted()[values.count / 2] }
func percent(_ ratio: Double) -> String { "\(Int((ratio * 100).rounded()))%" }
