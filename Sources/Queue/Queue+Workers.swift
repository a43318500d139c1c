package import Domain
internal import Postgres

/// What a worker hosts, as told when it registered.
package struct WorkerRegistration: Sendable {
    package var worker: Int64
    package var deployment: Int32
    package var model: Int32
    package var modelName: String
    package var backend: String
    /// The backend's configuration, UTF-8 JSON.
    package var configuration: [UInt8]
    package var slots: Int32
    package var attemptTimeout: Duration
    package var retryBase: Duration
    package var retryCap: Duration
    package var revision: Int32
    /// The SHA-256 the backend's file must have, lower-case hex; nil if none is recorded yet.
    package var backendSHA256: String?
    /// How long the database lets a heartbeat stay away.
    package var lease: Duration
}

/// What a heartbeat told the worker.
package struct HeartbeatReply: Sendable {
    /// What a worker is wanted to do.
    package enum Wanted: String, Sendable {
        case run
        /// Claim no more, finish what is held, end.
        case drain
        /// It was declared dead: end at once.
        case exit
    }

    package var wanted: Wanted
    /// Those of the jobs in flight that are to be cancelled.
    package var cancelled: [Int64]
    /// Those of them whose second attempt has answered.
    package var overtaken: [Int64] = []
    /// Whether suspects wait and this worker is the one to run them.
    package var suspects: Bool
    /// How long ago the controller last decided, by the database's clock; nil: never.
    package var decided: Duration?
    /// Whether the worker's own breaker may hold it back: others would take its jobs.
    package var guards = false
    /// Whether the worker is to ask its backend how it is.
    package var healthWanted = false
    /// What opens a breaker of the model; nil: the default. 0 to 100.
    package var errorPercent: Double?
    /// More failures in a row than this open it; nil: the default.
    package var failuresInARow: Int32?
}

/// What became of attempts since a worker last told, as its heartbeat carries it and the controller takes it.
package struct AttemptSample: Sendable, Hashable {
    /// The stage of the deployment's traffic they were claimed in.
    package var stage: Int32
    /// How many succeeded.
    package var succeeded: Int32 = 0
    /// How many failed, by class.
    package var failed: [ErrorClass: Int32] = [:]
    /// Outcomes, failures at the beginning, failures at the end, the longest run of failures.
    package var run: [Int32] = [0, 0, 0, 0]
    /// Bins of the histogram of the successes' and the overtaken's latencies that hold anything.
    package var latencyBins: [Int32] = []
    /// Their counts.
    package var latencyCounts: [Int32] = []
    /// The longest rest the upstream asked for.
    package var retryAfter: Duration?

    /// An empty sample.
    package init(stage: Int32) { self.stage = stage }
}

/// What a heartbeat says of its worker.
package struct WorkerReport: Sendable {
    /// Resident memory as a part of the limit; nil when unknown.
    package var memory: Double?
    /// What the backend says of itself; nil when it was not asked.
    package var isWell: Bool?
    /// What became of attempts; nil when none ended.
    package var sample: AttemptSample?

    /// A report that says nothing.
    package init() {}
}

/// What became of the leases of a worker that ended.
package struct ReturnedLeases: Sendable {
    /// Queued again, charged nothing.
    package var returned: Int32
    /// Charged with a crash.
    package var suspected: Int32
    /// Past the crash budget.
    package var quarantined: Int32
}

extension Queue {
    private static let startStatement = Statement(
        "worker_start", "select * from sluice.worker_start($1::text, $2::text, $3::int, $4::boolean)")
    private static let attachStatement = Statement(
        "worker_attach", "select sluice.worker_attach($1::bigint, $2::boolean, $3::bigint[])")
    private static let heartbeatStatement = Statement(
        "heartbeat",
        """
        select * from sluice.heartbeat($1, $2, $3::double precision::real, $4, $5, $6, $7::text[]::sluice.error_class[], $8, $9,
            $10, $11, $12)
        """)
    private static let drainingStatement = Statement("worker_draining", "select sluice.worker_draining($1)")
    private static let endedStatement = Statement(
        "worker_ended",
        "select * from sluice.worker_ended($1::bigint, $2::boolean, $3::text, $4::int, $5::int, $6::text, $7::bigint[])"
    )

    /// Registers a worker process of `deployment`.
    ///
    /// - Parameter direct: whether the connection is the worker's own: then it holds an advisory lock from now on, whose
    ///   loss tells that the worker is gone. False behind a transaction pooler.
    /// - Throws: `unknownDeployment`.
    package func workerStarted(
        deployment: String, host: String, processID: Int32, direct: Bool
    ) async throws(QueueError) -> WorkerRegistration {
        let rows = try await call(Self.startStatement) {
            $0.append(deployment)
            $0.append(host)
            $0.append(processID)
            $0.append(direct)
        }
        return try first(of: rows) { row throws(PostgresError) in try WorkerRegistration(row) }
    }

    /// Takes up the life of `worker` on a new connection. False: it was declared dead meanwhile and must end.
    ///
    /// - Parameter held: the jobs it knows it holds; leases beside these, of a claim whose answer was lost, are given back.
    package func workerReconnected(_ worker: Int64, direct: Bool, held: [Int64]) async throws(QueueError) -> Bool {
        let rows = try await call(Self.attachStatement) {
            $0.append(worker)
            $0.append(direct)
            $0.append(held)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Renews the lease of everything `worker` runs, and tells what became of its attempts.
    package func heartbeat(
        worker: Int64, inFlight: [Int64], report: WorkerReport = WorkerReport()
    ) async throws(QueueError) -> HeartbeatReply {
        let failed = report.sample?.failed.sorted { $0.key.rawValue < $1.key.rawValue }
        let rows = try await call(Self.heartbeatStatement) {
            $0.append(worker)
            $0.append(inFlight)
            $0.append(report.memory)
            $0.append(report.isWell)
            $0.append(report.sample?.stage)
            $0.append(report.sample?.succeeded)
            $0.append(failed?.map(\.key.rawValue))
            $0.append(failed?.map(\.value))
            $0.append(report.sample?.run)
            $0.append(report.sample?.latencyBins)
            $0.append(report.sample?.latencyCounts)
            $0.append(report.sample?.retryAfter?.wholeMilliseconds)
        }
        return try first(of: rows) { row throws(PostgresError) in
            let decided: Int64? = try row.decode(3)
            return HeartbeatReply(
                wanted: try row.decodeWord(0), cancelled: try row.decode(1), overtaken: try row.decode(8),
                suspects: try row.decode(2),
                decided: decided.map { .milliseconds(max(0, $0)) }, guards: try row.decode(4),
                healthWanted: try row.decode(5), errorPercent: try row.decode(6), failuresInARow: try row.decode(7))
        }
    }

    /// The worker claims no more.
    package func workerDraining(_ worker: Int64) async throws(QueueError) {
        _ = try await call(Self.drainingStatement) { $0.append(worker) }
    }

    /// Records the end of a worker and takes its leases back. May be called again.
    ///
    /// - Parameters:
    ///   - orderly: whether it drained and ended as it was told.
    ///   - cause: one line.
    ///   - lastWords: the end of its standard error.
    ///   - started: the jobs that were running when it crashed by itself; nil when it was ended from outside.
    package func workerEnded(
        _ worker: Int64, orderly: Bool, cause: String, exitStatus: Int32? = nil, signal: Int32? = nil,
        lastWords: String? = nil, started: [Int64]? = nil
    ) async throws(QueueError) -> ReturnedLeases {
        let rows = try await call(Self.endedStatement) {
            $0.append(worker)
            $0.append(orderly)
            $0.append(cause)
            $0.append(exitStatus)
            $0.append(signal)
            $0.append(lastWords)
            $0.append(started)
        }
        return try first(of: rows) { row throws(PostgresError) in
            ReturnedLeases(returned: try row.decode(0), suspected: try row.decode(1), quarantined: try row.decode(2))
        }
    }
}

extension WorkerRegistration {
    init(_ row: Row) throws(PostgresError) {
        let configuration: JSONText = try row.decode(5)
        let timeout: Int32 = try row.decode(7)
        let base: Int32 = try row.decode(8)
        let cap: Int32 = try row.decode(9)
        let lease: Int32 = try row.decode(12)
        self.init(
            worker: try row.decode(0), deployment: try row.decode(1), model: try row.decode(2),
            modelName: try row.decode(3), backend: try row.decode(4), configuration: configuration.utf8,
            slots: try row.decode(6), attemptTimeout: .milliseconds(timeout), retryBase: .milliseconds(base),
            retryCap: .milliseconds(cap), revision: try row.decode(10), backendSHA256: try row.decode(11),
            lease: .seconds(lease))
    }
}
