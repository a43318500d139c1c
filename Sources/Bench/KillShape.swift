import Glibc
import Postgres

/// One of three workers killed with SIGKILL under full load, again and again: how soon its jobs run again.
///
/// The supervisor's crash loop limit is out of the way: a hundred deaths in a minute are what it is there to hold up.
package struct KillShape: Shape {
    package static let name = "kill"
    package static let abstract = "one of three workers killed -9 under load, 100 times: until its jobs run again"

    private static let kills = 100
    private static let workers: Int32 = 3
    /// So many wait at least, whenever one is killed.
    private static let backlog = 10_000

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let mock = #"{"latency_ms": 40}"#
        return try await laboratory.withDatabase("kill", slots: 32, workers: Self.workers, mock: mock) { database in
            let (costs, jobs) = try await laboratory.withProcess(
                ["supervisor"], url: database.url,
                environment: [
                    "SLUICE_SUPERVISOR_CRASH_LOOP_LIMIT": "1000", "SLUICE_SUPERVISOR_BACKOFF_MAXIMUM": "200ms",
                ]
            ) {
                var costs: [Double] = []
                var jobs = 0
                for kill in 1...Self.kills {
                    if kill % 20 == 1 { laboratory.say("kill \(kill)") }
                    jobs += try await topUp(database)
                    costs.append(try await killOne(database))
                }
                try await database.waitForResults(jobs)
                return (costs.sorted(), jobs)
            }
            try await database.verify(jobs: jobs)
            let charged = try await database.number(
                "bench_charged", "select count(*)::float8 from sluice.past_attempt where outcome <> 'worker_lost'")
            guard charged == 0 else { throw BenchFailure("\(Int(charged)) attempts were charged to their jobs") }
            let (median, p99, worst) = (
                costs[costs.count / 2], costs[costs.count * 99 / 100 - 1], costs[costs.count - 1]
            )
            return [
                Measurement(
                    Self.name, "\(costs.count) workers killed -9 under load, all their jobs running again after",
                    "median \(milliseconds(median)), p99 \(milliseconds(p99)), worst \(milliseconds(worst)); 0 of \(jobs) lost, 0 answered twice, 0 charged",
                    target: "p99 under 500 ms", isMet: p99 < 500,
                    figures: [
                        "median_ms": median, "p99_ms": p99, "worst_ms": worst, "kills": Double(costs.count),
                        "jobs": Double(jobs),
                    ])
            ]
        }
    }

    /// Sees to it that enough waits. Returns how many jobs it queued.
    private func topUp(_ database: BenchDatabase) async throws -> Int {
        let waiting = try await database.number("bench_waiting", "select count(*)::float8 from sluice.ready")
        guard Int(waiting) < Self.backlog else { return 0 }
        try await database.fill(Self.backlog)
        return Self.backlog
    }

    /// Kills the worker that holds most, once all have work, and returns the milliseconds until what it held ran again.
    private func killOne(_ database: BenchDatabase) async throws -> Double {
        let victim = Statement(
            "bench_victim",
            """
            select w.id, w.pid, array_agg(l.id), clock_timestamp() from sluice.worker w join sluice.running l on l.worker_id = w.id
            where w.ended_at is null group by w.id order by count(*) desc
            """)
        let giveUp = ContinuousClock.now + .seconds(60)
        var working = try await database.connection.query(victim)
        while working.count < Self.workers {
            guard ContinuousClock.now < giveUp else {
                throw BenchFailure("a killed worker did not come back in a minute")
            }
            try await Task.sleep(for: .milliseconds(20))
            working = try await database.connection.query(victim)
        }
        guard let row = working.first else { throw BenchFailure("no worker has work") }
        let (worker, pid) = (try row.decode(0, as: Int64.self), try row.decode(1, as: Int32.self))
        let (held, at) = (try row.decode(2, as: [Int64].self), try row.decode(3, as: Timestamp.self))
        guard kill(pid, SIGKILL) == 0 else { throw BenchFailure("worker \(worker) could not be killed") }
        // What it held when it died: leases that were returned, and where those jobs ran next.
        let cost = Statement(
            "bench_cost",
            """
            with lost as (select p.id, p.attempt from sluice.past_attempt p where p.worker_id = $1 and p.id = any ($2)),
                again as (
                    select l.id, (select min(a.started_at) from (
                        select r.started_at, r.attempt from sluice.result r where r.id = l.id
                        union all select p.started_at, p.attempt from sluice.past_attempt p where p.id = l.id
                        union all select g.started_at, g.attempt from sluice.running g where g.id = l.id) a
                        where a.attempt > l.attempt) as at
                    from lost l)
            select count(*), count(a.at), (extract(epoch from max(a.at) - $3) * 1000)::float8 from again a
            """)
        while true {
            if let row = try await database.connection.query(cost, worker, held, at).first {
                let (lost, again) = (try row.decode(0, as: Int64.self), try row.decode(1, as: Int64.self))
                if lost > 0 && lost == again { return try row.decode(2) }
            }
            guard ContinuousClock.now < giveUp else { throw BenchFailure("a killed worker's jobs did not run again") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
