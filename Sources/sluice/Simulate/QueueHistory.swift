import Postgres
import Simulation
import Terminal

/// The jobs a queue has run, as a trace: when each might start, and how long its last attempt took.
struct QueueHistory {
    /// Seconds before its first job that a history begins: looks are a second apart, and a job comes between two.
    private static let lead = 0.5
    /// Rows of one statement.
    private static let page: Int32 = 5000

    private static let statement = Statement(
        "simulate_history",
        """
        select j.id, extract(epoch from coalesce(j.run_at, j.created_at))::float8,
            extract(epoch from r.finished_at - r.started_at)::float8,
            j.created_at >= clock_timestamp() - $2::float8 * interval '1 second'
        from (select * from sluice.job j where j.id < $1::bigint order by j.id desc limit $4::int) j
        left join lateral (
            select r.started_at, r.finished_at from sluice.result r
            where r.id = j.id and r.started_at is not null
                and ($3::text is null or r.deployment_id = (select d.id from sluice.deployment d where d.name = $3::text))
        ) r on true
        order by j.id desc
        """)

    /// The jobs accepted in the last `seconds` that have ended: of one deployment, or all. Newest first in pages, so that
    /// it takes no longer for an old queue.
    ///
    /// - Throws: `PostgresError`; `CommandFailure` when there are none.
    static func trace(_ connection: Connection, seconds: Double, deployment: String?) async throws -> Trace {
        var jobs: [(arrival: Double, service: Double)] = []
        var before = Int64.max
        pages: while jobs.count < Trace.jobLimit {
            let rows = try await connection.query(statement, before, seconds, deployment, page)
            var isRecent = false
            var count = 0
            for row in rows {
                let (id, arrival, service, isWithin) = try row.decode((Int64, Double, Double?, Bool).self)
                count += 1
                before = id
                guard isWithin else { continue }
                isRecent = true
                if let service { jobs.append((arrival, max(0, service))) }
            }
            // Ids rise with time but for what was accepted at the same moment.
            if !isRecent || count < page { break pages }
        }
        guard let first = jobs.map(\.arrival).min() else {
            throw CommandFailure(.noInput, "No job of that time has ended.", fix: "Name a longer time.")
        }
        return Trace(
            name: deployment.map { "history of \($0)" } ?? "history",
            jobs: jobs.map { ($0.arrival - first + lead, $0.service) }, epoch: Int(first))
    }
}
