import Glibc
import Postgres

/// A worker killed with SIGKILL under load: how soon its jobs run again.
package struct KillShape: Shape {
    package static let name = "kill"
    package static let abstract = "a worker killed -9 under load: until its jobs run again"

    private static let kills = 5

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let mock = #"{"latency_ms": 40}"#
        return try await laboratory.withDatabase("kill", slots: 32, workers: 3, mock: mock) { database in
            let jobs = 20_000
            try await database.fill(jobs)
            let costs = try await laboratory.withProcess(["supervisor"], url: database.url) {
                var costs: [Double] = []
                for kill in 1...Self.kills {
                    laboratory.say("kill \(kill)")
                    if let cost = try await killOne(database, after: jobs / 10 * kill) { costs.append(cost) }
                }
                try await database.waitForResults(jobs)
                return costs
            }
            try await database.verify(jobs: jobs)
            let worst = costs.max() ?? .nan
            let median = costs.sorted()[costs.count / 2]
            return [
                Measurement(
                    Self.name, "\(costs.count) workers killed -9 under load, all their jobs running again after",
                    "median \(milliseconds(median)), worst \(milliseconds(worst)); 0 of \(jobs) lost, 0 answered twice",
                    target: "under 500 ms", isMet: worst < 500,
                    figures: ["worst_ms": worst, "median_ms": median, "kills": Double(costs.count)])
            ]
        }
    }

    /// Kills the worker that holds most, once `done` jobs have ended, and returns the milliseconds until what it held ran again.
    private func killOne(_ database: BenchDatabase, after done: Int) async throws -> Double? {
        try await database.waitForResults(done)
        let victim = Statement(
            "bench_victim",
            """
            select w.id, w.pid, array_agg(l.id), clock_timestamp() from sluice.worker w join sluice.running l on l.worker_id = w.id
            where w.ended_at is null group by w.id order by count(*) desc limit 1
            """)
        guard let row = try await database.connection.query(victim).first else { return nil }
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
            guard let row = try await database.connection.query(cost, worker, held, at).first else { return nil }
            let (lost, again) = (try row.decode(0, as: Int64.self), try row.decode(1, as: Int64.self))
            if lost > 0 && lost == again { return try row.decode(2) }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
