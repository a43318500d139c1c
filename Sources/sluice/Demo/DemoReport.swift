import BatchLoading
import Postgres
import Queue
import Terminal

/// What the demonstration found, all of it asked from the database afterwards.
struct DemoReport: Sendable {
    /// Two points of a distribution.
    struct Times: Sendable {
        var median = Duration.zero
        var high = Duration.zero
    }

    /// What one worker did.
    struct Share: Sendable {
        var worker: Int64
        var deployment: String
        var processID: Int32
        var answered: Int64
        var ran: Duration
    }

    var start = Duration.zero
    /// From the first request queued to the last answer.
    var wall = Duration.zero
    var kill: DemoKill?
    var written = BatchResults.Count()
    var total: Int64 = 0
    /// Requests without a result.
    var lost: Int64 = 0
    /// Requests with more than one, or answers to none.
    var twice: Int64 = 0
    var violations: [String] = []
    var invariants = 0
    var queued = Times()
    var ran = Times()
    var shares: [Share] = []
    /// What the model was asked, and said.
    var conversation: [DemoModel.Exchange] = []

    /// Whether everything is as it has to be.
    var isFlawless: Bool {
        total > 0 && lost == 0 && twice == 0 && violations.isEmpty && written.succeeded == Int(total)
            && kill?.cost != nil && conversation.allSatisfy(\.isAnswered)
    }

    private static let counts = Statement(
        "demo_counts",
        """
        select count(*), count(*) filter (where r.n = 0), count(*) filter (where r.n > 1)
        from sluice.batch_jobs($1::int) j cross join lateral (select count(*) as n from sluice.result r where r.id = j.id) r
        """)
    private static let times = Statement(
        "demo_times",
        """
        select (percentile_cont(0.5) within group (order by q) * 1000000)::bigint,
            (percentile_cont(0.95) within group (order by q) * 1000000)::bigint,
            (percentile_cont(0.5) within group (order by t) * 1000000)::bigint,
            (percentile_cont(0.95) within group (order by t) * 1000000)::bigint,
            (extract(epoch from max(finished_at) - min(created_at)) * 1000000)::bigint
        from (
            select r.finished_at, j.created_at, extract(epoch from r.started_at - j.created_at)::float8 as q,
                extract(epoch from r.finished_at - r.started_at)::float8 as t
            from sluice.job j join sluice.result r on r.id = j.id where j.batch_id = $1::int) x
        """)
    private static let workers = Statement(
        "demo_workers",
        """
        select w.id, d.name, w.pid, count(r.id),
            (coalesce(sum(extract(epoch from r.finished_at - r.started_at)), 0) * 1000000)::bigint
        from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
        left join (select r.* from sluice.result r join sluice.job j on j.id = r.id where j.batch_id = $1::int) r
            on r.worker_id = w.id
        group by w.id, d.name, w.pid having count(r.id) > 0 or w.id = $2::bigint order by w.id
        """)

    /// Asks the database what became of `batch`.
    mutating func find(_ batch: Int32, written: BatchResults.Count, on session: Session) async throws {
        self.written = written
        let connection = session.connection
        if let row = try await connection.query(Self.counts, batch).first {
            (total, lost, twice) = (try row.decode(0), try row.decode(1), try row.decode(2))
        }
        let checked = try await session.queue.invariantViolations()
        invariants = checked.count
        violations = checked.filter { $0.violations > 0 }.map { "\($0.invariant): \($0.violations) times not" }
        if let row = try await connection.query(Self.times, batch).first {
            func time(_ column: Int) throws -> Duration { .microseconds(try row.decode(column, as: Int64?.self) ?? 0) }
            queued = Times(median: try time(0), high: try time(1))
            ran = Times(median: try time(2), high: try time(3))
            wall = try time(4)
        }
        for row in try await connection.query(Self.workers, batch, kill?.worker ?? 0) {
            shares.append(
                Share(
                    worker: try row.decode(0), deployment: try row.decode(1), processID: try row.decode(2),
                    answered: try row.decode(3), ran: .microseconds(try row.decode(4, as: Int64.self))))
        }
        try await kill?.measure(on: session)
    }
}
