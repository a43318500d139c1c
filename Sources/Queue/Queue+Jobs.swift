package import Domain
package import Postgres

/// What is known of a job.
package struct JobStatus: Sendable {
    package var id: Int64
    package var state: JobState
    package var model: String
    package var kind: JobKind
    package var tenant: String
    package var priority: Int16
    package var batch: Int32?
    package var customID: String?
    /// Attempts so far.
    package var attempt: Int16
    /// Attempts that count against `maximumAttempts`; nil once the job has ended.
    package var failures: Int16?
    /// Workers it took down; nil once the job has ended.
    package var crashes: Int16?
    package var maximumAttempts: Int16
    package var createdAt: Timestamp
    package var dueAt: Timestamp?
    package var deadlineAt: Timestamp?
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var worker: Int64?
    package var deployment: String?
    package var errorClass: ErrorClass?
    package var errorMessage: String?
    package var promptTokens: Int32?
    package var completionTokens: Int32?
    /// Whether the tokens are a guess of the backend's; nil where there are none.
    package var isUsageEstimated: Bool?
    /// The model that answered in place of `model`; nil when none did.
    package var servedBy: String?
    /// Whether its second attempt answered, begun because the first was late.
    package var isHedged: Bool
}

extension Queue {
    private static let enqueueStatement = Statement(
        "enqueue",
        """
        select sluice.enqueue($1::text, $2::json, $3::text::sluice.job_kind, $4::int, $5::timestamptz,
            coalesce($6::timestamptz, clock_timestamp() + $13::bigint * interval '1 millisecond'),
            $7::text, $8::text, $9::text, $10::int, $11::json, $12::boolean, $14::text,
            $15::text::sluice.webhook_form, $16::int)
        """)
    private static let enqueueManyStatement = Statement(
        "enqueue_many",
        "select sluice.enqueue_many($1::text, $2::json[], $3::text::sluice.job_kind, $4::int, $5::text, $6)")
    private static let statusStatement = Statement("job_status", "select * from sluice.job_status($1)")
    private static let bodyStatement = Statement("result_body", "select r.body from sluice.result r where r.id = $1")
    private static let payloadStatement = Statement("job_payload", "select j.payload from sluice.job j where j.id = $1")
    private static let cancelStatement = Statement("cancel", "select sluice.cancel($1, $2::text)::text")
    private static let forgetStatement = Statement("forget_job", "select sluice.forget_job($1)")
    private static let retryStatement = Statement("retry", "select sluice.retry($1)")

    /// Accepts one job and returns its id. It is durable and may be claimed when this returns.
    ///
    /// - Throws: `unknownModel`, `unknownTenant`, `invalidArgument`, `idempotencyKeyReused`, `invalidData`, `unavailable`.
    package func enqueue(_ request: JobRequest) async throws(QueueError) -> Int64 {
        let rows = try await call(Self.enqueueStatement) {
            $0.append(request.model)
            $0.append(JSONText(request.payload))
            $0.append(request.kind.rawValue)
            $0.append(Int32(request.priority.rawValue))
            $0.append(request.runAt)
            $0.append(request.deadline)
            $0.append(request.idempotencyKey)
            $0.append(request.affinity)
            $0.append(request.tenant)
            $0.append(request.maximumAttempts.map(Int32.init(clamping:)))
            $0.append(request.metadata.map(JSONText.init))
            $0.append(request.isStreaming)
            $0.append(request.timeToLive?.wholeMilliseconds)
            $0.append(request.webhook?.url)
            $0.append((request.webhook?.form ?? .standard).rawValue)
            $0.append(request.executionLimit.map { Int32(clamping: $0.wholeMilliseconds) })
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Accepts up to 10,000 jobs of one model; all or none. The ids are in the order of the payloads.
    package func enqueue(
        model: String, payloads: [[UInt8]], kind: JobKind = .chat, priority: Priority = .normal,
        tenant: String = "default", isStreaming: Bool = false
    ) async throws(QueueError) -> [Int64] {
        let rows = try await call(Self.enqueueManyStatement) {
            $0.append(model)
            $0.append(payloads.map(JSONText.init))
            $0.append(kind.rawValue)
            $0.append(Int32(priority.rawValue))
            $0.append(tenant)
            $0.append(isStreaming)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// What is known of jobs, in the order asked; ids that do not exist are left out.
    package func status(of jobs: [Int64]) async throws(QueueError) -> [JobStatus] {
        let rows = try await call(Self.statusStatement) { $0.append(jobs) }
        return try decoding { () throws(PostgresError) in
            var found: [JobStatus] = []
            for row in rows { found.append(try JobStatus(row)) }
            return found
        }
    }

    /// The answer of a job, UTF-8 JSON; nil if it has none (yet).
    package func answer(of job: Int64) async throws(QueueError) -> [UInt8]? {
        let rows = try await call(Self.bodyStatement) { $0.append(job) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            let body: JSONText? = try row.decode(0)
            return body?.utf8
        }
    }

    /// The request of a job, UTF-8 JSON; nil if there is no such job.
    package func payload(of job: Int64) async throws(QueueError) -> [UInt8]? {
        let rows = try await call(Self.payloadStatement) { $0.append(job) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            let payload: JSONText = try row.decode(0)
            return payload.utf8
        }
    }

    /// Cancels a job and returns its state: `cancelled` if it had not started, `running` if its worker was told to stop it,
    /// or the terminal state it already had, which is not an error.
    ///
    /// - Throws: `notFound`.
    package func cancel(_ job: Int64, reason: String = "cancelled by request") async throws(QueueError) -> JobState {
        let rows = try await call(Self.cancelStatement) {
            $0.append(job)
            $0.append(reason)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decodeWord(0) }
    }

    /// Removes a job that has ended, with its request and its answer.
    ///
    /// - Throws: `notFound`; `busy`: it has not ended, or belongs to a batch.
    package func forget(_ job: Int64) async throws(QueueError) {
        _ = try await call(Self.forgetStatement) { $0.append(job) }
    }

    /// Queues a job again that ended without success, with a new budget of attempts.
    ///
    /// - Throws: `notFound`, `notRetriable`.
    package func retry(_ job: Int64) async throws(QueueError) {
        _ = try await call(Self.retryStatement) { $0.append(job) }
    }
}

extension JobStatus {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            id: try row.decode(0), state: try row.decodeWord(1), model: try row.decode(2), kind: try row.decodeWord(3),
            tenant: try row.decode(4), priority: try row.decode(5), batch: try row.decode(6),
            customID: try row.decode(7), attempt: try row.decode(8), failures: try row.decode(9),
            crashes: try row.decode(10), maximumAttempts: try row.decode(11), createdAt: try row.decode(12),
            dueAt: try row.decode(13), deadlineAt: try row.decode(14), startedAt: try row.decode(15),
            finishedAt: try row.decode(16), worker: try row.decode(17), deployment: try row.decode(18),
            errorClass: try row.decodeOptionalWord(19), errorMessage: try row.decode(20),
            promptTokens: try row.decode(21), completionTokens: try row.decode(22),
            isUsageEstimated: try row.decode(23),
            servedBy: try row.decode(24), isHedged: try row.decode(25))
    }
}
