internal import Postgres

/// What is seen of the supervisor that leads.
package struct SeenLead: Sendable, Hashable {
    /// Its session: a server process.
    package var session: Int32
    /// Changes as long as it lives.
    package var sign: String
    /// How old that is, by the database's clock.
    package var silence: Duration
    /// Whether the server is doing something for it.
    package var isWorking: Bool
}

extension Queue {
    private static let tryStatement = Statement("try_lead", "select pg_try_advisory_lock(7024, 1)")
    private static let leadStatement = Statement("lead_fleet", "select sluice.lead($1::text)")
    private static let holdStatement = Statement("hold_lead", "select sluice.hold_lead($1::bigint)")
    private static let seenStatement = Statement("lead_seen", "select * from sluice.lead_seen()")
    private static let deposeStatement = Statement("depose", "select sluice.depose($1::int, $2::text)")

    /// Takes the lock of the supervisor that leads, for this session; false when another has it.
    package func takeLead() async throws(QueueError) -> Bool {
        let rows = try await call(Self.tryStatement)
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Takes the lead of the fleet as `name`, and returns the epoch every write has to carry.
    package func leadFleet(as name: String) async throws(QueueError) -> Int64 {
        let rows = try await call(Self.leadStatement) { $0.append(name) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Says that the leader is there.
    ///
    /// - Throws: `superseded`.
    package func holdLead(epoch: Int64) async throws(QueueError) {
        _ = try await call(Self.holdStatement) { $0.append(epoch) }
    }

    /// What is seen of the leader; nil when nobody leads.
    package func seenLead() async throws(QueueError) -> SeenLead? {
        let rows = try await call(Self.seenStatement)
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            // Nobody ever led: this one is about to say so for the first time.
            let silence: Int64? = try row.decode(2)
            return SeenLead(
                session: try row.decode(0), sign: try row.decode(1), silence: .milliseconds(silence ?? 0),
                isWorking: try row.decode(3))
        }
    }

    /// Ends the session of a leader that gave no sign of life since `seen`. False when it did, or has gone.
    package func depose(_ seen: SeenLead) async throws(QueueError) -> Bool {
        let rows = try await call(Self.deposeStatement) {
            $0.append(seen.session)
            $0.append(seen.sign)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }
}
