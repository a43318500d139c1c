import Domain
import Logging
import Postgres
import Queue
import Synchronization
import TestSupport

/// One test's corner of the suite's database: a model and a deployment of its own, so that tests run side by side.
struct Corner: Sendable {
    let connection: Connection
    let model: String
    let deployment: String

    var queue: Queue { Queue(connection) }

    private static let made = Atomic(0)

    /// A corner with a model and one deployment with a full share.
    static func open() async throws -> Corner {
        let number = made.add(1, ordering: .relaxed).newValue
        let corner = Corner(
            connection: try await connect(), model: "model-\(number)", deployment: "deployment-\(number)")
        try await corner.queue.putModel(corner.model)
        try await corner.queue.putDeployment(
            DeploymentRequest(model: corner.model, name: corner.deployment, backend: "mock"))
        return corner
    }

    /// A corner whose model has so many deployments; the first is the corner's own.
    static func open(deployments count: Int) async throws -> (corner: Corner, names: [String]) {
        let corner = try await open()
        var names = [corner.deployment]
        for number in 1..<count {
            names.append("\(corner.deployment)-\(number)")
            try await corner.queue.putDeployment(
                DeploymentRequest(model: corner.model, name: names[number], backend: "mock"))
        }
        return (corner, names)
    }

    /// The same corner seen from a connection of its own.
    func another() async throws -> Corner {
        Corner(connection: try await Self.connect(), model: model, deployment: deployment)
    }

    /// One more connection to the suite's database.
    static func connect() async throws -> Connection {
        try await Connection.connect(
            ConnectionConfiguration(try TestDatabase.current.url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The id of the model.
    var modelID: Int32 {
        get async throws { try await connection.value("select id from sluice.model where name = '\(model)'") }
    }

    /// Registers a worker. `direct`: it holds the advisory lock on this corner's connection.
    func worker(direct: Bool = false, of other: String? = nil) async throws -> Int64 {
        try await queue.workerStarted(deployment: other ?? deployment, host: "test", processID: 1, direct: direct)
            .worker
    }

    /// Enqueues one job with a small payload.
    @discardableResult
    func enqueue(_ change: (inout JobRequest) -> Void = { _ in }) async throws -> Int64 {
        var request = JobRequest(model: model, payload: Array(#"{"a":1}"#.utf8))
        change(&request)
        return try await queue.enqueue(request)
    }

    /// Enqueues `count` jobs in one call.
    @discardableResult
    func enqueue(_ count: Int, priority: Priority = .normal, tenant: String = "default") async throws -> [Int64] {
        try await queue.enqueue(
            model: model, payloads: Array(repeating: Array(#"{"a":1}"#.utf8), count: count), priority: priority,
            tenant: tenant)
    }

    /// Claims from the beginning.
    func claim(_ worker: Int64, _ limit: Int = 1, range: ClaimRange = .everything) async throws -> [ClaimedJob] {
        try await queue.claim(worker: worker, limit: limit, range: range).jobs
    }

    /// Claims exactly one job, which must be there.
    func claimOne(_ worker: Int64) async throws -> ClaimedJob {
        guard let job = try await claim(worker).first else { throw NothingClaimed() }
        return job
    }

    /// Ends `job` and returns whether that was accepted.
    @discardableResult
    func finish(
        _ worker: Int64, _ job: ClaimedJob, _ outcome: AttemptResult.Outcome, delay: Duration = .zero
    ) async throws -> Bool {
        try await queue.finish(worker: worker, [job.ended(outcome, delay: delay)]).isEmpty
    }

    /// What is known of `job`.
    func status(_ job: Int64) async throws -> JobStatus {
        guard let status = try await queue.status(of: [job]).first else { throw NothingClaimed() }
        return status
    }

    /// The state of `job`.
    func state(_ job: Int64) async throws -> JobState { try await status(job).state }

    /// Changes one of the queue's bounds, for the whole database.
    func set(_ name: String, _ value: Int) async throws {
        try await connection.execute(script: "update sluice.setting set value = \(value) where name = '\(name)'")
    }

    /// The violations of what must always hold; empty if nothing is wrong.
    func violations() async throws -> [String] {
        try await queue.invariantViolations().filter { $0.violations != 0 }.map { "\($0.invariant): \($0.violations)" }
    }

    struct NothingClaimed: Error {}
}

extension ClaimedJob {
    /// An end of this attempt, with an answer if it succeeded.
    func ended(_ outcome: AttemptResult.Outcome, delay: Duration = .zero) -> AttemptResult {
        AttemptResult(
            job: id, attempt: attempt, outcome: outcome,
            body: outcome == .succeeded ? Array(#"{"ok":true}"#.utf8) : nil,
            errorClass: outcome == .failed || outcome == .retried ? .retryable : nil, delay: delay)
    }
}

extension Connection {
    /// The first column of the first row.
    func value<T: PostgresDecodable>(_ sql: String, as type: T.Type = T.self) async throws -> T {
        guard let row = try await query(Statement("test", sql)).first else { throw Corner.NothingClaimed() }
        return try row.decode(0)
    }

    /// The first column of every row.
    func values<T: PostgresDecodable>(_ sql: String, as type: T.Type = T.self) async throws -> [T] {
        try await query(Statement("test", sql)).map { try $0.decode(0) }
    }
}

/// Numbers that are the same for the same seed (SplitMix64: Steele, Lea, Flood 2014).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The code of the queue's error that `body` throws; nil if it throws none.
func code(of body: () async throws -> Void) async throws -> QueueError.Code? {
    do {
        try await body()
        return nil
    } catch let error as QueueError {
        return error.code
    }
}
