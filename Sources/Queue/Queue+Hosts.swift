internal import Domain
internal import Postgres

/// What a host is to have of a deployment.
package struct HostedWorkers: Sendable, Hashable {
    package var deployment: String
    /// How many workers.
    package var workers: Int32
    /// How many processes there may be, those included that still end.
    package var room: Int32
    /// Whether there is no memory for one more while a new revision takes over.
    package var isReplacementRefused: Bool
    package var revision: Int32
}

/// How many processes of a deployment a host has.
package struct HostedProcesses: Sendable, Hashable {
    package var deployment: String
    package var processes: Int32
    /// Whether some are of an older revision and stay until there is a new one.
    package var isReplacing: Bool

    package init(deployment: String, processes: Int32, isReplacing: Bool) {
        self.deployment = deployment
        self.processes = processes
        self.isReplacing = isReplacing
    }
}

extension Queue {
    private static let takeHostStatement = Statement(
        "take_host", "select pg_try_advisory_lock(7025, hashtext($1::text))")
    private static let hostStartStatement = Statement(
        "host_start", "select sluice.host_start($1::text, $2::int, $3::bigint, $4::json::jsonb, $5::bigint)")
    private static let hostLeaveStatement = Statement("host_leave", "select sluice.host_leave($1::text, $2::bigint)")
    private static let deadStatement = Statement("dead_of", "select sluice.dead_of($1::bigint[])")
    private static let secretNamesStatement = Statement("secret_names", "select sluice.secret_names($1::text)")
    private static let hostLookStatement = Statement(
        "host_look",
        """
        select deployment, workers, room, is_refused, revision
        from sluice.host_look($1::text, $2::bigint, $3::text[], $4::int[], $5::boolean[])
        """)

    /// Those of `workers` that were declared dead, and have had time to end since.
    package func dead(of workers: [Int64]) async throws(QueueError) -> [Int64] {
        let rows = try await call(Self.deadStatement) { $0.append(workers) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// The environment variables that the configuration of `deployment` refers to as `env:NAME`.
    package func secretNames(of deployment: String) async throws(QueueError) -> [String] {
        let rows = try await call(Self.secretNamesStatement) { $0.append(deployment) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Takes the lock of the supervisor that keeps `host`, for this session; false when another has it.
    package func takeHost(_ host: String) async throws(QueueError) -> Bool {
        let rows = try await call(Self.takeHostStatement) { $0.append(host) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Begins to keep `host`, whose lock this session has, and returns the incarnation that everything said of it carries.
    ///
    /// - Parameters:
    ///   - memory: bytes its workers may take; nil: not counted.
    ///   - labels: UTF-8 JSON, an object.
    ///   - incarnation: the one it had before it lost its connection: then it keeps its slots if nobody took the host.
    package func hostStarted(
        _ host: String, processID: Int32, memory: Int64?, labels: [UInt8], incarnation: Int64?
    ) async throws(QueueError) -> Int64 {
        let rows = try await call(Self.hostStartStatement) {
            $0.append(host)
            $0.append(processID)
            $0.append(memory)
            $0.append(JSONText(labels))
            $0.append(incarnation)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Frees the slots of `host`, whose supervisor is about to end.
    package func hostLeaves(_ host: String, incarnation: Int64) async throws(QueueError) {
        _ = try await call(Self.hostLeaveStatement) {
            $0.append(host)
            $0.append(incarnation)
        }
    }

    /// Says which processes `host` has, claims slots for it while there is memory, and returns what it should have.
    ///
    /// - Throws: `superseded` when another supervisor keeps the host.
    package func hostLooks(
        _ host: String, incarnation: Int64, _ processes: [HostedProcesses]
    ) async throws(QueueError) -> [HostedWorkers] {
        let rows = try await call(Self.hostLookStatement) {
            $0.append(host)
            $0.append(incarnation)
            $0.append(processes.map(\.deployment))
            $0.append(processes.map(\.processes))
            $0.append(processes.map(\.isReplacing))
        }
        return try decoding { () throws(PostgresError) in
            var found: [HostedWorkers] = []
            for row in rows {
                found.append(
                    HostedWorkers(
                        deployment: try row.decode(0), workers: try row.decode(1), room: try row.decode(2),
                        isReplacementRefused: try row.decode(3), revision: try row.decode(4)))
            }
            return found
        }
    }
}
