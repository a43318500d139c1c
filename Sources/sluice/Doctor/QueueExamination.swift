import Postgres
import Queue
import Terminal

/// What of the queue itself can be wrong.
struct QueueExamination {
    let session: Session

    private static let silent = Statement(
        "doctor_silent",
        """
        select count(*), coalesce(max(extract(epoch from clock_timestamp() - h.beat_at)), 0)::float8
        from sluice.worker w left join sluice.worker_heartbeat h on h.worker_id = w.id
        where w.ended_at is null and coalesce(h.beat_at, w.started_at) < clock_timestamp()
            - (select s.value from sluice.setting s where s.name = 'lease_seconds') * interval '1 second'
        """)
    private static let dead = Statement(
        "doctor_dead",
        """
        select count(*), (array_agg(d.name || ': ' || coalesce(w.cause, 'no cause known') order by w.ended_at desc))[1]
        from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
        where w.state = 'dead' and w.ended_at > clock_timestamp() - interval '10 minutes'
        """)
    private static let letters = Statement(
        "doctor_letters",
        """
        select count(*) from (select 1 from sluice.result where state in ('failed', 'quarantined') and state <> 'succeeded'
            limit 10001) l
        """)

    init(_ session: Session) { self.session = session }

    func findings(isQuick: Bool) async throws -> [Finding] {
        var findings = try await [deployments(), silentWorkers(), deadWorkers(), deadLetters()]
        if !isQuick { findings += try await invariants() }
        return findings
    }

    private func deployments() async throws -> Finding {
        let overview = try await session.queue.overview()
        let stranded = overview.filter { $0.deployment == nil && $0.ready + $0.scheduled > 0 }
        if let model = stranded.first {
            return .failed(
                "deployments", "\(model.ready + model.scheduled) jobs wait for model \(model.model), which has none",
                fix: "Run `sluice deploy \(model.model) NAME --backend BACKEND`.")
        }
        let short = overview.filter { $0.deployment != nil && $0.workersLive < $0.workersWanted }
        if let row = short.first {
            let name = row.deployment ?? row.model
            return .warning(
                "deployments", "\(name) has \(row.workersLive) of \(row.workersWanted) workers",
                fix: "Start a supervisor (`sluice supervisor` or `sluice up`), or see why workers end: `sluice status`."
            )
        }
        return .ok("deployments", "\(overview.count { $0.deployment != nil }), all with the workers they want")
    }

    private func silentWorkers() async throws -> Finding {
        guard let row = try await session.connection.query(Self.silent).first else {
            return .ok("heartbeats", "none due")
        }
        let (count, age) = try row.decode((Int64, Double).self)
        return .expect(
            count == 0, "heartbeats",
            count == 0
                ? "every worker's is in time"
                : "\(count) workers are silent, for up to \(HumanFormat.duration(.seconds(age)))",
            fix: "No supervisor reaps them: start one with `sluice supervisor` or `sluice up`.")
    }

    private func deadWorkers() async throws -> Finding {
        guard let row = try await session.connection.query(Self.dead).first else { return .ok("workers", "none died") }
        let (count, last) = try row.decode((Int64, String?).self)
        return .expect(
            count == 0, "workers",
            count == 0
                ? "none died lately" : "\(count) died in the last 10 minutes, the last of \(last ?? "an unknown one")",
            fix:
                "See their last words: sluice psql -- -c \"select id, cause, last_words from sluice.worker where state = "
                + "'dead' order by ended_at desc limit 5\"")
    }

    private func deadLetters() async throws -> Finding {
        guard let row = try await session.connection.query(Self.letters).first else {
            return .ok("dead letters", "none")
        }
        let count: Int64 = try row.decode(0)
        return .ok("dead letters", count > 10_000 ? "more than 10,000" : HumanFormat.count(count))
    }

    private func invariants() async throws -> [Finding] {
        try await session.queue.invariantViolations().map { invariant, violations in
            .expect(
                violations == 0, invariant, violations == 0 ? "holds" : "broken \(violations) times",
                fix: "This is a defect of Sluice or a change by hand: please report it.", otherwise: .failed)
        }
    }
}
