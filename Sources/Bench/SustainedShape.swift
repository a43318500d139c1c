import Postgres
import Queue

/// Enqueue and drain at once, for a minute, with a snapshot held all the while.
package struct SustainedShape: Shape {
    package static let name = "sustained"
    package static let abstract = "enqueue and drain at 60% of the drain rate for a minute while a snapshot is held"

    private static let seconds = 60
    private static let slice = Duration.milliseconds(20)

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        laboratory.say("measuring the drain rate")
        let full = try await DrainShape.workerDrain(laboratory, "rate")
        let perSlice = max(1, Int(full * 0.6 * 0.02))
        return try await laboratory.withDatabase("sustained", slots: 256) { database in
            let worker = ["worker", "--deployment", "bench"]
            let holder = try await laboratory.connect(database.url)
            let producer = try await laboratory.connect(database.url)
            let queued = try await holder.transaction(isolation: .repeatableRead) { holder in
                _ = try await holder.query(Statement("bench_hold", "select count(*) from sluice.model"))
                // It has no workers of its own here.
                return try await laboratory.withProcess(["supervisor"], url: database.url) {
                    try await laboratory.withProcess(worker, url: database.url) {
                        try await laboratory.withProcess(worker, url: database.url) {
                            laboratory.say("enqueueing \(perSlice) jobs every 20 ms for \(Self.seconds) s")
                            let bench = BenchDatabase(
                                url: database.url, connection: producer, queue: Queue(producer), laboratory: laboratory)
                            let count = try await produce(perSlice, through: bench)
                            try await database.waitForResults(count)
                            return count
                        }
                    }
                }
            }
            let hot = try await database.number("bench_hot", Self.hotBytes)
            let (early, late) = (try await age(database, 10, 25), try await age(database, 45, 60))
            try await database.verify(jobs: queued)
            holder.close()
            producer.close()
            let isFlat = late.p99 <= max(early.p99 * 1.5, early.p99 + 20)
            return [
                Measurement(
                    Self.name,
                    "\(Int(Double(queued) / Double(Self.seconds))) jobs/s for \(Self.seconds) s, snapshot held: queue age p99",
                    "\(milliseconds(early.p99)) in seconds 10–25, \(milliseconds(late.p99)) in seconds 45–60",
                    target: "flat (not half as much again, nor 20 ms more)", isMet: isFlat,
                    figures: [
                        "early_p99_ms": early.p99, "late_p99_ms": late.p99, "early_p50_ms": early.p50,
                        "late_p50_ms": late.p50, "jobs": Double(queued),
                    ]),
                Measurement(
                    Self.name, "hot tables and their indexes afterwards",
                    "\(Int(hot / 1_048_576)) MiB: \(Int(hot / Double(max(1, queued)))) bytes a job, garbage the snapshot keeps",
                    figures: ["hot_bytes": hot]),
            ]
        }
    }

    private static let hotBytes = """
        select sum(pg_total_relation_size(c.oid))::float8 from pg_class c
        where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'r' and c.relname ~ '^(ready|running)_'
        """

    /// Enqueues on schedule, and as soon as possible when it is late. Returns how many jobs.
    private func produce(_ perSlice: Int, through database: BenchDatabase) async throws -> Int {
        let clock = ContinuousClock()
        let start = clock.now
        var slices = 0
        while clock.now - start < .seconds(Self.seconds) {
            try await database.fill(perSlice)
            slices += 1
            try await clock.sleep(until: start + Self.slice * slices)
        }
        return slices * perSlice
    }

    private func age(_ database: BenchDatabase, _ from: Int, _ to: Int) async throws -> (p50: Double, p99: Double) {
        func quantile(_ part: Double) async throws -> Double {
            try await database.number(
                "bench_age_\(part)_\(from)",
                """
                select percentile_cont(\(part)) within group (order by
                    extract(epoch from r.started_at - j.created_at) * 1000)::float8
                from sluice.result r join sluice.job j using (id), (select min(created_at) as zero from sluice.job) s
                where j.created_at between s.zero + interval '\(from) seconds' and s.zero + interval '\(to) seconds'
                """)
        }
        return (try await quantile(0.5), try await quantile(0.99))
    }
}
