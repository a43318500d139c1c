import Foundation
import Postgres
import Terminal

/// What of the server's settings and state matters to a queue.
struct ServerExamination {
    let session: Session

    private static let settings = Statement(
        "doctor_settings",
        """
        select current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'),
            current_setting('full_page_writes'), current_setting('autovacuum'), current_setting('max_connections')::int,
            (select count(*)::int from pg_stat_activity where backend_type = 'client backend'),
            (select setting::int from pg_settings where name = 'client_connection_check_interval'),
            pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'
        """)
    private static let clock = Statement("doctor_clock", "select clock_timestamp()")
    private static let oldest = Statement(
        "doctor_oldest",
        """
        select pid, extract(epoch from clock_timestamp() - xact_start)::float8, coalesce(application_name, '')
        from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'
        order by xact_start limit 1
        """)
    private static let locks = Statement(
        "doctor_locks",
        """
        select l.pid, extract(epoch from clock_timestamp() - l.waitstart)::float8, pg_blocking_pids(l.pid)
        from pg_locks l where not l.granted and l.waitstart < clock_timestamp() - interval '5 seconds'
        order by l.waitstart limit 1
        """)

    init(_ session: Session) { self.session = session }

    func findings() async throws -> [Finding] {
        try await settingFindings() + [clockFinding(), transactionFinding(), lockFinding()]
    }

    private func settingFindings() async throws -> [Finding] {
        guard let row = try await session.connection.query(Self.settings).first else { return [] }
        let version: String = try row.decode(0)
        let commit: String = try row.decode(1)
        let fsync: String = try row.decode(2)
        let pages: String = try row.decode(3)
        let vacuum: String = try row.decode(4)
        let maximum: Int32 = try row.decode(5)
        let used: Int32 = try row.decode(6)
        let interval: Int32 = try row.decode(7)
        let isReadOnly: Bool = try row.decode(8)
        return [
            .expect(
                session.connection.serverVersion >= 150_000, "server", "PostgreSQL \(version)",
                fix: "Use PostgreSQL 15 or newer.", otherwise: .failed),
            .expect(
                !isReadOnly, "writable", isReadOnly ? "the database is read-only" : "yes",
                fix: "Connect to the primary: add target_session_attrs=read-write to the database URL.",
                otherwise: .failed),
            .expect(
                commit != "off", "synchronous_commit", commit,
                fix: "Set it to on: a crash of the server may lose jobs that were acknowledged."),
            .expect(
                fsync == "on" && pages == "on", "fsync", "fsync \(fsync), full_page_writes \(pages)",
                fix: "Set both to on: a power cut may destroy the database.", otherwise: .failed),
            .expect(
                vacuum == "on", "autovacuum", vacuum, fix: "Set it to on: the queue's tables grow without it.",
                otherwise: .failed),
            .expect(
                used * 5 < maximum * 4, "connections", "\(used) of \(maximum) in use",
                fix: "Raise max_connections, or put a pooler in transaction mode before the clients."),
            .expect(
                interval > 0 && interval <= 5_000, "client_connection_check_interval",
                interval == 0 ? "off" : "\(interval) ms",
                fix: "Set it to 500ms: the death of a worker's machine is noticed late without it."),
        ]
    }

    private func clockFinding() async throws -> Finding {
        let before = Date()
        guard let row = try await session.connection.query(Self.clock).first else { return .ok("clock", "not known") }
        let after = Date()
        let there: Timestamp = try row.decode(0)
        let here = before.timeIntervalSince1970 + after.timeIntervalSince(before) / 2
        let difference = there.unixSeconds - here
        return .expect(
            abs(difference) < 1, "clock",
            "the database's differs by \(HumanFormat.duration(.seconds(abs(difference))))",
            fix: "Run NTP on both machines. The queue trusts the database's clock alone, but people compare times.")
    }

    private func transactionFinding() async throws -> Finding {
        guard let row = try await session.connection.query(Self.oldest).first else {
            return .ok("transactions", "none open")
        }
        let (process, age, name) = try row.decode((Int32, Double, String).self)
        return .expect(
            age < 300, "transactions",
            "the oldest is \(HumanFormat.duration(.seconds(age))) old (pid \(process)\(name.isEmpty ? "" : ", \(name)"))",
            fix: "End it, or `select pg_terminate_backend(\(process))`: no dead row can be removed while it lasts.")
    }

    private func lockFinding() async throws -> Finding {
        guard let row = try await session.connection.query(Self.locks).first else {
            return .ok("locks", "nobody waits")
        }
        let (process, age, blockers) = try row.decode((Int32, Double, [Int32]).self)
        let names = blockers.map(String.init).joined(separator: ", ")
        return .warning(
            "locks", "pid \(process) has waited \(HumanFormat.duration(.seconds(age))) for \(names)",
            fix: "Look at pg_stat_activity for \(names); `select pg_terminate_backend(pid)` ends one.")
    }
}
