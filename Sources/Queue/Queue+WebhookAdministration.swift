package import Domain
package import Postgres

/// A delivery as people see it.
package struct WebhookDelivery: Sendable {
    package var id: Int64
    package var subject: WebhookSubject
    /// The endpoint it is for; nil when the job itself named the URL.
    package var endpoint: Int32?
    package var form: JobWebhook.Form
    package var url: String
    package var state: WebhookState
    /// Tries so far.
    package var attempt: Int16
    package var createdAt: Timestamp
    /// When it is tried next; nil once it has ended.
    package var dueAt: Timestamp?
    package var endedAt: Timestamp?
    /// What the last try was answered.
    package var status: Int16?
    /// Why the last try failed.
    package var error: String?
}

extension WebhookDelivery {
    /// The job whose end it tells; nil: it tells that of a batch.
    package var job: Int64? { if case .job(let id, _, _) = subject { id } else { nil } }
    /// How that job ended.
    package var jobState: JobState? { if case .job(_, _, let state) = subject { state } else { nil } }
}

/// What one try of a delivery came to.
package struct WebhookTry: Sendable {
    package var attempt: Int16
    package var endedAt: Timestamp
    package var milliseconds: Int32
    package var status: Int16?
    package var error: String?
}

/// An address that is told of the ends of its tenant's jobs and batches.
package struct WebhookEndpoint: Sendable {
    package var id: Int32
    package var url: String
    /// The ends of jobs it is told of.
    package var states: [String]
    /// The ends of batches it is told of.
    package var batchStates: [String]
    package var secret: [UInt8]
    package var createdAt: Timestamp
    package var disabledAt: Timestamp?
    package var disabledReason: String?
}

/// Which deliveries to list.
package struct WebhookFilter: Sendable {
    package var tenant: String?
    package var delivery: Int64?
    package var job: Int64?
    package var batch: Int32?
    package var state: WebhookState?
    /// Only deliveries with a smaller id: the last one of the page before.
    package var before: Int64?
    /// 1 to 1,000.
    package var limit = 50

    package init() {}
}

extension Queue {
    private static let listWebhooksStatement = Statement(
        "list_webhooks",
        """
        select id, job_id, job_attempt, job_state::text, endpoint_id, form::text, url, state::text, attempt, created_at,
            due_at, ended_at, status_code, error, batch_id, batch_state::text
        from sluice.list_webhooks(
            $1::text, $2::bigint, $3::bigint, $4::text::sluice.webhook_state, $5::bigint, $6::int, $7::int)
        """)
    private static let triesStatement = Statement("webhook_tries", "select * from sluice.webhook_tries($1)")
    private static let putEndpointStatement = Statement(
        "put_webhook_endpoint", "select sluice.put_webhook_endpoint($1::text, $2::text, $3::text[], $4::text[])")
    private static let listEndpointsStatement = Statement(
        "list_webhook_endpoints", "select * from sluice.list_webhook_endpoints($1::text)")
    private static let disableEndpointStatement = Statement(
        "disable_webhook_endpoint", "select sluice.disable_webhook_endpoint($1::int, $2::text)")
    private static let secretStatement = Statement("webhook_secret_of", "select sluice.webhook_secret_of($1::text)")
    private static let rotateStatement = Statement(
        "rotate_webhook_secret", "select sluice.rotate_webhook_secret($1::text)")

    /// Deliveries, newest first.
    package func webhooks(_ filter: WebhookFilter) async throws(QueueError) -> [WebhookDelivery] {
        let rows = try await call(Self.listWebhooksStatement) {
            $0.append(filter.tenant)
            $0.append(filter.delivery)
            $0.append(filter.job)
            $0.append(filter.state?.rawValue)
            $0.append(filter.before)
            $0.append(Int32(clamping: filter.limit))
            $0.append(filter.batch)
        }
        return try decoding { () throws(PostgresError) in
            var found: [WebhookDelivery] = []
            for row in rows {
                found.append(
                    WebhookDelivery(
                        id: try row.decode(0), subject: try WebhookSubject(row, job: 1, batch: 14),
                        endpoint: try row.decode(4), form: try row.decodeWord(5), url: try row.decode(6),
                        state: try row.decodeWord(7), attempt: try row.decode(8), createdAt: try row.decode(9),
                        dueAt: try row.decode(10), endedAt: try row.decode(11), status: try row.decode(12),
                        error: try row.decode(13)))
            }
            return found
        }
    }

    /// The tries of a delivery, newest first, at most 100.
    package func tries(ofWebhook delivery: Int64) async throws(QueueError) -> [WebhookTry] {
        let rows = try await call(Self.triesStatement) { $0.append(delivery) }
        return try decoding { () throws(PostgresError) in
            var found: [WebhookTry] = []
            for row in rows {
                found.append(
                    WebhookTry(
                        attempt: try row.decode(0), endedAt: try row.decode(1), milliseconds: try row.decode(2),
                        status: try row.decode(3), error: try row.decode(4)))
            }
            return found
        }
    }

    /// Tells `url` from now on of every job of `tenant` that ends in one of `states`, and of every batch that ends in one of
    /// `batchStates`; nil: of none, when both are: of all, however they end. Returns its id.
    ///
    /// - Throws: `unknownTenant`, `invalidArgument`.
    package func putWebhookEndpoint(
        _ url: String, tenant: String, states: [String]? = nil, batchStates: [String]? = nil
    ) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.putEndpointStatement) {
            $0.append(tenant)
            $0.append(url)
            $0.append(states)
            $0.append(batchStates)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// The endpoints of `tenant`, newest first, at most 100.
    package func webhookEndpoints(of tenant: String) async throws(QueueError) -> [WebhookEndpoint] {
        let rows = try await call(Self.listEndpointsStatement) { $0.append(tenant) }
        return try decoding { () throws(PostgresError) in
            var found: [WebhookEndpoint] = []
            for row in rows {
                found.append(
                    WebhookEndpoint(
                        id: try row.decode(0), url: try row.decode(1), states: try row.decode(2),
                        batchStates: try row.decode(7), secret: try row.decode(3), createdAt: try row.decode(4),
                        disabledAt: try row.decode(5),
                        disabledReason: try row.decode(6)))
            }
            return found
        }
    }

    /// Tells an endpoint of nothing new.
    ///
    /// - Throws: `notFound`.
    package func disableWebhookEndpoint(_ endpoint: Int32, of tenant: String) async throws(QueueError) {
        _ = try await call(Self.disableEndpointStatement) {
            $0.append(endpoint)
            $0.append(tenant)
        }
    }

    /// What signs the webhooks that single jobs of `tenant` ask for; with `rotating`, a new one.
    ///
    /// - Throws: `unknownTenant`.
    package func webhookSecret(of tenant: String, rotating: Bool = false) async throws(QueueError) -> [UInt8] {
        let rows = try await call(rotating ? Self.rotateStatement : Self.secretStatement) { $0.append(tenant) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }
}
