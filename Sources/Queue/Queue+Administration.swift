internal import Postgres

/// A deployment as declared.
package struct DeploymentRequest: Sendable {
    package var model: String
    package var name: String
    package var backend: String
    /// UTF-8 JSON.
    package var configuration: [UInt8] = Array("{}".utf8)
    /// 0 to 1,000.
    package var workers: Int32 = 1
    /// 1 to 4,096.
    package var slots: Int32 = 8
    package var version = "1"
    /// Whether a new one is to have no traffic until it is restored or rolled out.
    package var isIsolated = false

    package init(model: String, name: String, backend: String) {
        self.model = model
        self.name = name
        self.backend = backend
    }
}

/// A deployment, its workers and what waits for its model.
package struct DeploymentOverview: Sendable {
    package var model: String
    /// Nil: the model has no deployment, so its jobs wait.
    package var deployment: String?
    package var backend: String?
    package var paused: Bool
    package var workersWanted: Int32
    package var workersLive: Int32
    package var slots: Int32
    package var running: Int64
    package var ready: Int64
    package var scheduled: Int64
    package var suspects: Int64
    /// Age of the oldest waiting job.
    package var oldestReadySeconds: Double?
}

/// A deployment and the number of workers it should have.
package struct WantedWorkers: Sendable, Hashable {
    package var deployment: String
    package var workers: Int32
    package var revision: Int32
    package var backend: String
}

extension Queue {
    private static let putModelStatement = Statement(
        "put_model", "select sluice.put_model($1::text, $2::int, $3::int, $4::int, $5::int, $6::text)")
    private static let putDeploymentStatement = Statement(
        "put_deployment",
        "select sluice.put_deployment($1::text, $2::text, $3::text, $4::json, $5::int, $6::int, $7::text, $8::boolean, $9::text)"
    )
    private static let modelsStatement = Statement("models", "select m.name from sluice.model m order by m.name")
    private static let overviewStatement = Statement("overview", "select * from sluice.overview()")
    private static let wantedStatement = Statement(
        "wanted_workers",
        """
        select d.name, case d.state when 'draining' then 0 else d.workers end, d.revision, d.backend
        from sluice.deployment d order by d.id
        """)
    private static let invariantsStatement = Statement(
        "check_invariants", "select invariant, violations from sluice.check_invariants()")

    /// Adds a model, or changes its limits.
    package func putModel(
        _ name: String, maximumAttempts: Int32 = 5, attemptTimeout: Duration = .seconds(600),
        retryBase: Duration = .seconds(1), retryCap: Duration = .seconds(300), why: String? = nil
    ) async throws(QueueError) {
        _ = try await call(Self.putModelStatement) {
            $0.append(name)
            $0.append(maximumAttempts)
            $0.append(Int32(clamping: attemptTimeout.wholeMilliseconds))
            $0.append(Int32(clamping: retryBase.wholeMilliseconds))
            $0.append(Int32(clamping: retryCap.wholeMilliseconds))
            $0.append(why)
        }
    }

    /// Adds a deployment, or changes it.
    package func putDeployment(_ request: DeploymentRequest, why: String? = nil) async throws(QueueError) {
        _ = try await call(Self.putDeploymentStatement) {
            $0.append(request.model)
            $0.append(request.name)
            $0.append(request.backend)
            $0.append(JSONText(request.configuration))
            $0.append(request.workers)
            $0.append(request.slots)
            $0.append(request.version)
            $0.append(request.isIsolated)
            $0.append(why)
        }
    }

    /// How many workers each deployment should have.
    package func wantedWorkers() async throws(QueueError) -> [WantedWorkers] {
        let rows = try await call(Self.wantedStatement)
        return try decoding { () throws(PostgresError) in
            var found: [WantedWorkers] = []
            for row in rows {
                found.append(
                    WantedWorkers(
                        deployment: try row.decode(0), workers: try row.decode(1), revision: try row.decode(2),
                        backend: try row.decode(3)))
            }
            return found
        }
    }

    /// The names of the models there are, in order.
    package func models() async throws(QueueError) -> [String] {
        let rows = try await call(Self.modelsStatement)
        return try decoding { () throws(PostgresError) in
            var names: [String] = []
            for row in rows { names.append(try row.decode(0)) }
            return names
        }
    }

    /// Deployments, their workers and what waits. Counts every waiting row.
    package func overview() async throws(QueueError) -> [DeploymentOverview] {
        let rows = try await call(Self.overviewStatement)
        return try decoding { () throws(PostgresError) in
            var found: [DeploymentOverview] = []
            for row in rows { found.append(try DeploymentOverview(row)) }
            return found
        }
    }

    /// What must always hold, and how often it does not. Reads everything.
    package func invariantViolations() async throws(QueueError) -> [(invariant: String, violations: Int64)] {
        let rows = try await call(Self.invariantsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [(invariant: String, violations: Int64)] = []
            for row in rows { found.append((try row.decode(0), try row.decode(1))) }
            return found
        }
    }
}

extension DeploymentOverview {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            model: try row.decode(0), deployment: try row.decode(1), backend: try row.decode(2),
            paused: try row.decode(3), workersWanted: try row.decode(4), workersLive: try row.decode(5),
            slots: try row.decode(6), running: try row.decode(7), ready: try row.decode(8),
            scheduled: try row.decode(9),
            suspects: try row.decode(10), oldestReadySeconds: try row.decode(11))
    }
}
