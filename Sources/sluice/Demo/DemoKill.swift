import FoundationEssentials
import Glibc
import Postgres

/// A worker that was killed, and what that cost.
struct DemoKill: Sendable {
    let worker: Int64
    let processID: Int32
    /// How many requests it was running.
    let held: Int64
    /// When it was killed, by the database's clock.
    let at: Timestamp
    /// How many requests were taken from it.
    var lost: Int64 = 0
    /// From the kill until the last of these ran again.
    var cost: Duration?

    private static let busiest = Statement(
        "demo_busiest",
        """
        select w.id, w.pid, count(*), clock_timestamp() from sluice.running r join sluice.worker w on w.id = r.worker_id
        where w.ended_at is null group by w.id order by count(*) desc, w.id limit 1
        """)
    private static let again = Statement(
        "demo_again",
        """
        select count(*), (extract(epoch from max(n.started_at) - $2::timestamptz) * 1000000)::bigint
        from sluice.past_attempt p
        left join lateral (select a.started_at from sluice.attempt a where a.id = p.id and a.attempt = p.attempt + 1) n on true
        where p.worker_id = $1::bigint and p.outcome = 'worker_lost'
        """)

    /// Kills the busiest worker; nil when none is busy, or it is gone meanwhile.
    static func killed(on session: Session) async throws -> DemoKill? {
        guard let row = try await session.connection.query(busiest).first else { return nil }
        let kill = DemoKill(
            worker: try row.decode(0), processID: try row.decode(1), held: try row.decode(2), at: try row.decode(3))
        // The number comes from a table: it had better be one of ours.
        guard isThisProgram(kill.processID), Glibc.kill(kill.processID, SIGKILL) == 0 else { return nil }
        return kill
    }

    /// Looks up what it cost.
    mutating func measure(on session: Session) async throws {
        guard let row = try await session.connection.query(Self.again, worker, at).first else { return }
        lost = try row.decode(0)
        cost = try row.decode(1, as: Int64?.self).map { .microseconds($0) }
    }

    private static func isThisProgram(_ processID: Int32) -> Bool {
        do {
            let files = FileManager.default
            return try files.destinationOfSymbolicLink(atPath: "/proc/\(processID)/exe")
                == files.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            return false
        }
    }
}
