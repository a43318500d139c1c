import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true), .serialized)
struct WebhookTests {
    /// A tenant of the corner's own, and its deliveries.
    private func tenant(_ corner: Corner) async throws -> String {
        try await corner.connection.execute(script: "select sluice.put_tenant('\(corner.model)')")
        return corner.model
    }

    private func filter(_ tenant: String) -> WebhookFilter {
        var filter = WebhookFilter()
        filter.tenant = tenant
        return filter
    }

    /// Ends one job that asks for a webhook, and returns it.
    private func ended(
        _ corner: Corner, _ tenant: String, _ outcome: AttemptResult.Outcome = .succeeded
    ) async throws -> Int64 {
        let id = try await corner.enqueue {
            $0.tenant = tenant
            $0.webhook = JobWebhook(url: "http://example.com/\(tenant)")
        }
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), outcome)
        return id
    }

    /// Claims until the tenant's delivery comes; others' are left to come due again.
    private func claim(_ corner: Corner, _ delivery: Int64, lease: Duration) async throws -> ClaimedWebhook? {
        try await corner.queue.claimWebhooks(limit: 1_000, lease: lease).first { $0.id == delivery }
    }

    @Test func `the end of a job makes one delivery, in the same transaction`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        let job = try await ended(corner, tenant)
        let deliveries = try await corner.queue.webhooks(filter(tenant))
        #expect(deliveries.map(\.job) == [job] && deliveries.map(\.state) == [.waiting])
        #expect(deliveries.first?.jobState == .succeeded && deliveries.first?.endpoint == nil)
    }

    @Test func `a delivery that nobody finished comes due again, and the first holder is refused`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        _ = try await ended(corner, tenant)
        let delivery = try #require(try await corner.queue.webhooks(filter(tenant)).first?.id)
        let first = try #require(try await claim(corner, delivery, lease: .milliseconds(1)))
        let second = try await eventually("it is due again") { () async throws in
            try await claim(corner, delivery, lease: .seconds(600))
        }
        #expect(first.attempt == 1 && second.attempt == 2 && first.secrets == second.secrets)
        let outcome = WebhookOutcome(status: 200, took: .zero)
        #expect(try await corner.queue.finishWebhook(delivery, attempt: 1, outcome) == nil)
        #expect(try await corner.queue.finishWebhook(delivery, attempt: 2, outcome) == .delivered)
        #expect(try await corner.queue.tries(ofWebhook: delivery).map(\.attempt) == [2])
    }

    @Test func `tries are used up, and a redelivery has a new budget`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        _ = try await ended(corner, tenant, .failed)
        let delivery = try #require(try await corner.queue.webhooks(filter(tenant)).first?.id)
        let refused = WebhookOutcome(status: 500, error: "no", took: .zero)
        for attempt in 1...11 {
            let claimed = try #require(try await claim(corner, delivery, lease: .seconds(600)))
            let state = try await corner.queue.finishWebhook(delivery, attempt: claimed.attempt, refused)
            #expect(state == (attempt == 11 ? .failed : .waiting))
        }
        #expect(try await claim(corner, delivery, lease: .seconds(600)) == nil)
        try await corner.queue.redeliver(delivery, of: tenant)
        #expect(try await claim(corner, delivery, lease: .seconds(600))?.attempt == 12)
        #expect(try await corner.queue.finishWebhook(delivery, attempt: 12, refused) == .waiting)
        #expect(try await code { try await corner.queue.redeliver(delivery, of: "default") } == .notFound)
    }

    @Test func `endpoints are told of their tenant's ends in their states`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        let endpoint = try await corner.queue.putWebhookEndpoint(
            "https://example.com/", tenant: tenant, states: ["cancelled"])
        let other = try await corner.enqueue()
        _ = try await corner.queue.cancel(other)
        let job = try await corner.enqueue { $0.tenant = tenant }
        _ = try await corner.queue.cancel(job)
        let worker = try await corner.worker()
        try await corner.enqueue { $0.tenant = tenant }
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        let deliveries = try await corner.queue.webhooks(filter(tenant))
        #expect(deliveries.map(\.job) == [job] && deliveries.map(\.endpoint) == [endpoint])
        try await corner.queue.disableWebhookEndpoint(endpoint, of: tenant)
        _ = try await corner.queue.cancel(try await corner.enqueue { $0.tenant = tenant })
        #expect(try await corner.queue.webhooks(filter(tenant)).count == 1)
    }

    @Test func `what is no address is refused with the job`() async throws {
        let corner = try await Corner.open()
        for url in ["ftp://example.com/", "http://", "http:// x", "example.com"] {
            #expect(
                try await code { try await corner.enqueue { $0.webhook = JobWebhook(url: url) } } == .invalidArgument)
        }
    }

    @Test func `deliveries that ended long ago are forgotten`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        _ = try await ended(corner, tenant)
        let delivery = try #require(try await corner.queue.webhooks(filter(tenant)).first?.id)
        let claimed = try #require(try await claim(corner, delivery, lease: .seconds(600)))
        _ = try await corner.queue.finishWebhook(
            delivery, attempt: claimed.attempt, WebhookOutcome(status: 200, took: .zero))
        _ = try await corner.queue.expireWebhooks()
        #expect(try await corner.queue.webhooks(filter(tenant)).count == 1)
        try await corner.connection.execute(
            script: "update sluice.webhook_delivery set ended_at = now() - interval '31 days' where id = \(delivery)")
        #expect(try await corner.queue.expireWebhooks() == 1)
        #expect(try await corner.queue.webhooks(filter(tenant)).isEmpty)
    }

    /// Orders a batch of a file of the tenant, and returns it.
    private func order(_ corner: Corner, _ tenant: String) async throws -> Int32 {
        let file = try await corner.queue.beginFile(of: tenant)
        try await corner.queue.append([1], ordinal: 0, to: file)
        _ = try await corner.queue.completeFile(
            file, filename: "in.jsonl", purpose: "batch", bytes: 1, pieces: 1, keptFor: nil)
        return try await corner.queue.order(
            BatchOrderRequest(tenant: tenant, inputFile: file, kind: .chat, window: "1h", windowSeconds: 3_600))
    }

    @Test func `the end of a batch makes one delivery for each endpoint that wants it`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        let url = "https://example.com/"
        let all = try await corner.queue.putWebhookEndpoint(url, tenant: tenant)
        let failed = try await corner.queue.putWebhookEndpoint(url, tenant: tenant, batchStates: ["failed"])
        _ = try await corner.queue.putWebhookEndpoint(url, tenant: tenant, states: ["failed"])
        let rejected = try await order(corner, tenant)
        let work = try #require(try await corner.queue.claimBatchWork(forSeconds: 60))
        #expect(work.batch == rejected)
        #expect(try await corner.queue.reject(work, errors: Array("[]".utf8)))
        let cancelled = try await order(corner, tenant)
        _ = try await corner.queue.cancelBatch(cancelled)
        _ = try await corner.queue.settleBatches()
        let end = try #require(try await corner.queue.claimBatchWork(forSeconds: 60))
        #expect(try await corner.queue.finalize(end, output: nil, errors: nil))
        // A second end is none.
        #expect(try await !corner.queue.finalize(end, output: nil, errors: nil))
        _ = try await corner.queue.settleBatches()
        let deliveries = try await corner.queue.webhooks(filter(tenant)).reversed()
        #expect(
            Set(deliveries.map { "\($0.subject) \($0.endpoint ?? 0)" })
                == Set(
                    [
                        (rejected, BatchProgress.State.failed, all), (rejected, .failed, failed),
                        (cancelled, .cancelled, all),
                    ]
                    .map { "\(WebhookSubject.batch($0.0, state: $0.1)) \($0.2)" }))
        #expect(deliveries.count == 3)
        var one = filter(tenant)
        one.batch = cancelled
        let delivery = try #require(try await corner.queue.webhooks(one).first)
        let claimed = try #require(try await claim(corner, delivery.id, lease: .seconds(600)))
        #expect(claimed.subject == .batch(cancelled, state: .cancelled) && claimed.tenant == tenant)
    }

    @Test func `an endpoint that wants nothing is refused`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        for (states, batchStates) in [([], []), (["failed"], ["running"]), (["done"], nil), ([], nil)]
            as [([String], [String]?)]
        {
            let refused = try await code {
                _ = try await corner.queue.putWebhookEndpoint(
                    "https://example.com/", tenant: tenant, states: states, batchStates: batchStates)
            }
            #expect(refused == .invalidArgument)
        }
    }
}
