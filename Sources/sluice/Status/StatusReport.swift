import Domain
import Postgres
import Queue
import Terminal

/// Deployments, workers and batches at one time.
struct StatusReport {
    /// Batches shown, the newest.
    static let batchLimit: Int32 = 10
    /// Decisions shown, the newest.
    private static let decisionLimit: Int32 = 8

    private(set) var deployments: TextTable
    private(set) var traffic: TextTable
    private(set) var scaling: TextTable
    private(set) var hosts: TextTable
    private(set) var workers: TextTable
    private(set) var batches: TextTable
    private(set) var decisions: TextTable

    private static let trafficStatement = Statement(
        "status_traffic",
        """
        select model, deployment, case when paused then 'paused' else state::text end, share_percent::float8, weight,
            tier::int, breaker::text, score::float8, coalesce(nullif(state_reason, ''), health_reason)
        from sluice.deployment_status limit 200
        """)
    private static let scalingStatement = Statement(
        "status_scaling",
        """
        select deployment, desired, ready, starting, unplaced, coalesce(min_workers || ' to ' || max_workers, ''), scaler, reason
        from sluice.scaling_status limit 200
        """)
    private static let hostsStatement = Statement(
        "status_hosts",
        """
        select host, state, slots, giving_up, memory_used, memory_bytes, extract(epoch from age)::float8 from sluice.host_status
        where state <> 'gone' or age < interval '10 minutes' limit 200
        """)
    private static let decisionsStatement = Statement(
        "status_decisions",
        """
        select extract(epoch from clock_timestamp() - at)::float8, kind, subject, reason from sluice.decisions
        limit $1::int
        """)

    private static let workersStatement = Statement(
        "status_workers",
        """
        select w.id, d.name, w.host, w.pid,
            case when w.state = 'running' and w.ready_at is null then 'starting' else w.state::text end, extract(epoch from clock_timestamp() - w.started_at)::float8,
            extract(epoch from clock_timestamp() - h.beat_at)::float8,
            (select count(*) from sluice.running l where l.worker_id = w.id), w.slots, w.cause
        from sluice.worker w
        join sluice.deployment d on d.id = w.deployment_id
        left join sluice.worker_heartbeat h on h.worker_id = w.id
        where w.ended_at is null or (w.state = 'dead' and w.ended_at > clock_timestamp() - interval '10 minutes')
        order by w.ended_at is not null, d.name, w.id
        limit 200
        """)

    /// Asks the database.
    init(_ session: Session) async throws {
        deployments = Self.table(of: try await session.queue.overview())
        traffic = try Self.traffic(try await session.connection.query(Self.trafficStatement))
        scaling = try Self.scaling(try await session.connection.query(Self.scalingStatement))
        hosts = try Self.hosts(try await session.connection.query(Self.hostsStatement))
        workers = try Self.workers(try await session.connection.query(Self.workersStatement))
        batches = Self.table(of: try await session.queue.batches(limit: Self.batchLimit))
        decisions = try Self.decisions(
            try await session.connection.query(Self.decisionsStatement, Self.decisionLimit))
    }

    /// Shows all of it, as one object with `--json`.
    func show(on console: Console) throws(ConsoleError) {
        if console.options.isJSON {
            try console.show(json)
        } else {
            try console.show(lines(width: console.width, palette: console.palette))
        }
    }

    /// All of it as one object.
    private var json: JSONOutput {
        [
            "deployments": .array(deployments.json), "traffic": .array(traffic.json),
            "scaling": .array(scaling.json), "hosts": .array(hosts.json), "workers": .array(workers.json),
            "batches": .array(batches.json), "decisions": .array(decisions.json),
        ]
    }

    /// All of it for people; what is empty is left out.
    private func lines(width: Int?, palette: Palette) -> [String] {
        guard !deployments.rows.isEmpty else {
            return ["There is no model yet. Declare one with `sluice deploy MODEL NAME --backend mock`."]
        }
        var lines: [String] = []
        let parts = [
            ("Deployments", deployments), ("Traffic", traffic), ("Scaling", scaling), ("Hosts", hosts),
            ("Workers", workers), ("Batches", batches), ("Decisions", decisions),
        ]
        for (title, table) in parts where !table.rows.isEmpty {
            if !lines.isEmpty { lines.append("") }
            lines.append(palette.paint(title, .bold))
            lines += table.lines(width: width, palette: palette)
        }
        return lines
    }

    private static func table(of overview: [DeploymentOverview]) -> TextTable {
        var table = TextTable([
            .init("model", key: "model", canShrink: true), .init("deployment", key: "deployment", canShrink: true),
            .init("backend", key: "backend", canShrink: true), .init("state", key: "state"),
            .init("workers", key: "workers"), .init("wanted", key: "workers_wanted"), .init("slots", key: "slots"),
            .init("running", key: "running"), .init("waiting", key: "ready"), .init("scheduled", key: "scheduled"),
            .init("suspect", key: "suspects"), .init("oldest", key: "oldest_ready_seconds"),
        ])
        for row in overview {
            let state =
                row.deployment == nil
                ? "undeployed" : row.paused ? "paused" : row.workersLive < row.workersWanted ? "degraded" : "ok"
            table.append([
                .text(row.model), row.deployment.map { .text($0) } ?? .none, row.backend.map { .text($0) } ?? .none,
                .word(state), .count(Int64(row.workersLive)), .count(Int64(row.workersWanted)),
                .count(Int64(row.slots)), .count(row.running), .count(row.ready), .count(row.scheduled),
                .count(row.suspects), row.oldestReadySeconds.map { .duration(.seconds($0)) } ?? .none,
            ])
        }
        return table
    }

    private static func traffic(_ rows: Rows) throws(PostgresError) -> TextTable {
        var table = TextTable([
            .init("model", key: "model", canShrink: true), .init("deployment", key: "deployment", canShrink: true),
            .init("state", key: "state"), .init("share", key: "share"), .init("weight", key: "weight"),
            .init("tier", key: "tier"), .init("breaker", key: "breaker"), .init("health", key: "health"),
            .init("why", key: "reason", canShrink: true),
        ])
        for row in rows {
            let (share, score): (Double, Double) = (try row.decode(3), try row.decode(7))
            let (weight, tier): (Int32, Int32) = (try row.decode(4), try row.decode(5))
            table.append([
                .text(try row.decode(0)), .text(try row.decode(1)), .word(try row.decode(2)), .share(share / 100),
                .count(Int64(weight)), .count(Int64(tier)), .word(try row.decode(6)), .share(score),
                .text(try row.decode(8)),
            ])
        }
        return table
    }

    private static func scaling(_ rows: Rows) throws(PostgresError) -> TextTable {
        var table = TextTable([
            .init("deployment", key: "deployment", canShrink: true), .init("desired", key: "desired"),
            .init("ready", key: "ready"), .init("starting", key: "starting"), .init("no host", key: "unplaced"),
            .init("bounds", key: "bounds"), .init("scaler", key: "scaler"),
            .init("why", key: "reason", canShrink: true),
        ])
        for row in rows {
            func count(_ column: Int) throws(PostgresError) -> Cell {
                .count(Int64(try row.decode(column, as: Int32.self)))
            }
            table.append([
                .text(try row.decode(0)), try count(1), try count(2), try count(3), try count(4),
                .text(try row.decode(5)), .word(try row.decode(6)), .text(try row.decode(7)),
            ])
        }
        return table
    }

    private static func hosts(_ rows: Rows) throws(PostgresError) -> TextTable {
        var table = TextTable([
            .init("host", key: "host", canShrink: true), .init("state", key: "state"), .init("slots", key: "slots"),
            .init("ending", key: "giving_up"), .init("used MiB", key: "memory_used_mib"),
            .init("of MiB", key: "memory_mib"), .init("heard of", key: "age_seconds"),
        ])
        for row in rows {
            let (slots, ending): (Int32, Int32) = (try row.decode(2), try row.decode(3))
            let (used, memory): (Int64, Int64?) = (try row.decode(4), try row.decode(5))
            let age: Double = try row.decode(6)
            table.append([
                .text(try row.decode(0)), .word(try row.decode(1)), .count(Int64(slots)), .count(Int64(ending)),
                .count(used >> 20), memory.map { .count($0 >> 20) } ?? .none, .duration(.seconds(age)),
            ])
        }
        return table
    }

    private static func decisions(_ rows: Rows) throws(PostgresError) -> TextTable {
        var table = TextTable([
            .init("ago", key: "age_seconds"), .init("decision", key: "kind"),
            .init("about", key: "subject", canShrink: true), .init("why", key: "reason", canShrink: true),
        ])
        for row in rows {
            let age: Double = try row.decode(0)
            table.append([
                .duration(.seconds(age)), .word(try row.decode(1)), .text(try row.decode(2)), .text(try row.decode(3)),
            ])
        }
        return table
    }

    private static func workers(_ rows: Rows) throws(PostgresError) -> TextTable {
        var table = TextTable([
            .init("worker", key: "worker"), .init("deployment", key: "deployment", canShrink: true),
            .init("host", key: "host", canShrink: true), .init("pid", key: "pid"), .init("state", key: "state"),
            .init("age", key: "age_seconds"), .init("heartbeat", key: "heartbeat_age_seconds"),
            .init("running", key: "running"), .init("slots", key: "slots"),
            .init("cause", key: "cause", canShrink: true),
        ])
        for row in rows {
            let age: Double = try row.decode(5)
            let beat: Double? = try row.decode(6)
            let cause: String? = try row.decode(9)
            let processID: Int32 = try row.decode(3)
            let slots: Int32 = try row.decode(8)
            table.append([
                .identifier(try row.decode(0)), .text(try row.decode(1)), .text(try row.decode(2)),
                .identifier(Int64(processID)), .word(try row.decode(4)), .duration(.seconds(age)),
                beat.map { .duration(.seconds($0)) } ?? .none,
                .count(try row.decode(7)), .count(Int64(slots)), cause.map { .text($0) } ?? .none,
            ])
        }
        return table
    }

    private static func table(of batches: [BatchProgress]) -> TextTable {
        var table = TextTable([
            .init("batch", key: "batch"), .init("name", key: "name", canShrink: true), .init("state", key: "state"),
            .init("done", key: "done"), .init("total", key: "total"), .init("share", key: "done_share"),
            .init("succeeded", key: "succeeded"), .init("failed", key: "failed"),
        ])
        for batch in batches {
            table.append([
                .identifier(Int64(batch.batch)), .text(batch.name), .word(batch.state.rawValue),
                .count(Int64(batch.done)),
                .count(Int64(batch.total)), batch.total > 0 ? .share(Double(batch.done) / Double(batch.total)) : .none,
                .count(Int64(batch.succeeded)), .count(Int64(batch.done - batch.succeeded)),
            ])
        }
        return table
    }
}
