package import Domain
package import Postgres

/// What a delivery tells the end of.
package enum WebhookSubject: Sendable, Hashable {
    /// A job that ended in `state` with this attempt.
    case job(Int64, attempt: Int16, state: JobState)
    /// A batch that ended in `state`.
    case batch(Int32, state: BatchProgress.State)

    /// Reads the job's id, attempt and state at `job` and the columns after it, the batch's id and state at `batch`.
    init(_ row: Row, job: Int, batch: Int) throws(PostgresError) {
        if let number: Int32 = try row.decode(batch) {
            self = .batch(number, state: try row.decodeWord(batch + 1))
        } else {
            self = .job(
                try row.decode(job), attempt: try row.decode(job + 1), state: try row.decodeWord(job + 2))
        }
    }
}

/// One try of telling somebody of the end of a job or a batch.
package struct ClaimedWebhook: Sendable {
    /// The delivery: with the attempt, the fence.
    package var id: Int64
    /// The number of this try, from 1.
    package var attempt: Int16
    package var url: String
    package var form: JobWebhook.Form
    package var subject: WebhookSubject
    /// Whose it is.
    package var tenant: String
    /// When that ended.
    package var createdAt: Timestamp
    /// The database's clock.
    package var now: Timestamp
    /// What signs it: each of these for itself.
    package var secrets: [[UInt8]]
}

/// What a try came to.
package struct WebhookOutcome: Sendable {
    /// What was answered; nil when nothing was.
    package var status: Int16?
    /// Why it was not delivered; nil when it was.
    package var error: String?
    package var took: Duration
    /// Until the next try.
    package var delay: Duration
    /// Whether another try cannot help.
    package var isFinal: Bool

    package init(
        status: Int16? = nil, error: String? = nil, took: Duration, delay: Duration = .zero, isFinal: Bool = false
    ) {
        self.status = status
        self.error = error
        self.took = took
        self.delay = delay
        self.isFinal = isFinal
    }
}

/// Where a delivery is in its life. The raw value is the word used in SQL and HTTP.
package enum WebhookState: String, Sendable, CaseIterable { case waiting, delivered, failed }

extension Queue {
    private static let claimWebhooksStatement = Statement(
        "claim_webhooks",
        """
        select id, attempt, url, form::text, job_id, job_attempt, job_state::text, created_at, now, secrets[1], secrets[2],
            batch_id, batch_state::text, tenant
        from sluice.claim_webhooks($1::int, $2::int)
        """)
    private static let finishWebhookStatement = Statement(
        "finish_webhook",
        "select sluice.finish_webhook($1, $2::smallint, $3::int, $4::text, $5::int, $6::bigint, $7::boolean)::text")
    private static let expireWebhooksStatement = Statement("expire_webhooks", "select sluice.expire_webhooks()")
    private static let redeliverStatement = Statement("redeliver", "select sluice.redeliver($1, $2::text)")

    /// Takes up to `limit` deliveries that are due, for `lease`: one that is not finished by then comes due again.
    package func claimWebhooks(limit: Int, lease: Duration) async throws(QueueError) -> [ClaimedWebhook] {
        let rows = try await call(Self.claimWebhooksStatement) {
            $0.append(Int32(clamping: limit))
            $0.append(Int32(clamping: lease.wholeMilliseconds))
        }
        return try decoding { () throws(PostgresError) in
            var found: [ClaimedWebhook] = []
            for row in rows {
                var secrets: [[UInt8]] = []
                for column in 9...10 {
                    if let secret = try row.decode(column, as: [UInt8]?.self) { secrets.append(secret) }
                }
                found.append(
                    ClaimedWebhook(
                        id: try row.decode(0), attempt: try row.decode(1), url: try row.decode(2),
                        form: try row.decodeWord(3), subject: try WebhookSubject(row, job: 4, batch: 11),
                        tenant: try row.decode(13), createdAt: try row.decode(7), now: try row.decode(8),
                        secrets: secrets))
            }
            return found
        }
    }

    /// Ends a try. Returns what became of the delivery; nil when somebody else has it by now, which is not an error.
    @discardableResult
    package func finishWebhook(
        _ delivery: Int64, attempt: Int16, _ outcome: WebhookOutcome
    ) async throws(QueueError) -> WebhookState? {
        let rows = try await call(Self.finishWebhookStatement) {
            $0.append(delivery)
            $0.append(attempt)
            $0.append(outcome.status.map(Int32.init))
            $0.append(outcome.error)
            $0.append(Int32(clamping: outcome.took.wholeMilliseconds))
            $0.append(outcome.delay.wholeMilliseconds)
            $0.append(outcome.isFinal)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decodeOptionalWord(0) }
    }

    /// Sends a message again, under the same id, whether it was delivered or not.
    ///
    /// - Parameter tenant: whose it has to be; nil: anybody's.
    /// - Throws: `notFound`.
    package func redeliver(_ delivery: Int64, of tenant: String? = nil) async throws(QueueError) {
        _ = try await call(Self.redeliverStatement) {
            $0.append(delivery)
            $0.append(tenant)
        }
    }

    /// Forgets deliveries that ended long ago. Returns how many.
    package func expireWebhooks() async throws(QueueError) -> Int32 {
        let rows = try await call(Self.expireWebhooksStatement)
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }
}
