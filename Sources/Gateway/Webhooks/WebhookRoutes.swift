import Domain
import HTTPTypes
import Hummingbird
import Postgres
import Queue

/// `/api/webhooks`: a tenant's endpoints, what signs for them, and what became of each message.
struct WebhookRoutes: Sendable {
    let queue: Queue
    let settings: GatewaySettings

    func add(to router: some RouterMethods<GatewayContext>) {
        let webhooks = router.group("/api/webhooks")
        webhooks.post("endpoints") { request, context in
            try await self.addEndpoint(request, context)
        }
        webhooks.get("endpoints") { _, context in
            let endpoints = try await self.queue.webhookEndpoints(of: try context.tenant())
            return Response(["object": "list", "data": .array(endpoints.map(\.document))])
        }
        webhooks.delete("endpoints/{id}") { _, context in
            let number = try Self.id(context, "webhook endpoint")
            guard let id = Int32(exactly: number) else {
                throw GatewayFailure.notFound("webhook endpoint \(number)")
            }
            do {
                try await self.queue.disableWebhookEndpoint(id, of: try context.tenant())
            } catch let error as QueueError where error.code == .notFound {
                throw GatewayFailure.notFound("webhook endpoint \(id)")
            }
            return Response(["id": .integer(Int64(id)), "object": "webhook_endpoint", "deleted": true])
        }
        webhooks.get("secret") { _, context in
            try await self.secret(context, rotating: false)
        }
        webhooks.post("secret/rotate") { _, context in
            try await self.secret(context, rotating: true)
        }
        webhooks.get("deliveries") { request, context in
            try await self.list(request, context)
        }
        webhooks.get("deliveries/{id}") { _, context in
            try await self.show(try Self.id(context, "webhook delivery"), context)
        }
        webhooks.post("deliveries/{id}/redeliver") { _, context in
            let id = try Self.id(context, "webhook delivery")
            do {
                try await self.queue.redeliver(id, of: try context.tenant())
            } catch let error as QueueError where error.code == .notFound {
                throw GatewayFailure.notFound("webhook delivery \(id)")
            }
            return try await self.show(id, context)
        }
    }

    private static func id(_ context: GatewayContext, _ what: String) throws(GatewayFailure) -> Int64 {
        let text = context.parameters.get("id") ?? ""
        guard let id = Int64(text), id > 0 else { throw .notFound("\(what) \(text.prefix(32))") }
        return id
    }

    private func addEndpoint(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: 64 << 10)
        let reader = try MemberReader(
            body, of: "The request body", selecting: [["url"], ["states"], ["batch_states"]],
            maximumDepth: settings.maximumDepth)
        guard let webhook = try reader.webhook(0, "url", form: .standard) else {
            throw GatewayFailure.invalid("`url` says where to send webhooks.", parameter: "url")
        }
        let states = try words(
            reader, 1, "states", of: JobState.allCases.filter(\.isTerminal).map(\.rawValue))
        let batchStates = try words(
            reader, 2, "batch_states", of: BatchProgress.State.allCases.filter(\.isTerminal).map(\.rawValue))
        guard states?.isEmpty != true || batchStates?.isEmpty == false else {
            throw GatewayFailure.invalid("Without `states` it has to have `batch_states`.", parameter: "states")
        }
        let id = try await queue.putWebhookEndpoint(
            webhook.url, tenant: tenant, states: states, batchStates: batchStates)
        guard let endpoint = try await queue.webhookEndpoints(of: tenant).first(where: { $0.id == id }) else {
            throw GatewayFailure.notFound("webhook endpoint \(id)")
        }
        return Response(endpoint.document, status: .created)
    }

    /// An array of some of `words`; nil when it is not there.
    private func words(
        _ reader: MemberReader, _ index: Int, _ name: String, of words: [String]
    ) throws -> [String]? {
        guard let member = reader.member(index) else { return nil }
        let given = try Self.strings(reader.raw(member), settings.maximumDepth)
        guard let given, given.allSatisfy(words.contains) else {
            throw GatewayFailure.invalid(
                "`\(name)` is an array of \(words.joined(separator: ", ")).", parameter: name)
        }
        return given
    }

    /// The strings of a JSON array; nil when it is something else.
    private static func strings(_ text: [UInt8], _ maximumDepth: Int) throws -> [String]? {
        guard text.first == UInt8(ascii: "[") else { return nil }
        var strings: [String] = []
        do {
            for range in try JSONElements.ranges(of: text.span, maximumDepth: maximumDepth) {
                guard text[range.lowerBound] == UInt8(ascii: "\"") else { return nil }
                strings.append(
                    try JSONString.unescape(text.span.extracting(range.lowerBound + 1..<range.upperBound - 1)))
            }
        } catch { return nil }
        return strings
    }

    private func secret(_ context: GatewayContext, rotating: Bool) async throws -> Response {
        let secret = try await queue.webhookSecret(of: try context.tenant(), rotating: rotating)
        return Response(["object": "webhook_secret", "secret": .string(WebhookSignature.shown(secret))])
    }

    private func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let query = ListQuery(request)
        var filter = WebhookFilter()
        filter.tenant = try context.tenant()
        filter.state = try query.word("state")
        filter.job = try query.id("job")
        if let text = query.text("batch") {
            guard let batch = PublicID.batch.number(of: text).flatMap({ Int32(exactly: $0) }) else {
                throw GatewayFailure.invalid("`batch` is the id of a batch, like batch_1.", parameter: "batch")
            }
            filter.batch = batch
        }
        filter.limit = try query.limit()
        filter.before = try query.id("after")
        let deliveries = try await queue.webhooks(filter)
        return Response([
            "object": "list", "data": .array(deliveries.map { .object($0.members) }),
            "has_more": .bool(deliveries.count == filter.limit),
            "last_id": deliveries.last.map { .integer($0.id) } ?? .null,
        ])
    }

    private func show(_ id: Int64, _ context: GatewayContext) async throws -> Response {
        var filter = WebhookFilter()
        filter.tenant = try context.tenant()
        filter.delivery = id
        guard let delivery = try await queue.webhooks(filter).first else {
            throw GatewayFailure.notFound("webhook delivery \(id)")
        }
        let tries = try await queue.tries(ofWebhook: id).map { one -> JSONOutput in
            [
                "attempt": .integer(Int64(one.attempt)), "at": .number(one.endedAt.unixSeconds),
                "milliseconds": .integer(Int64(one.milliseconds)),
                "status": one.status.map { .integer(Int64($0)) } ?? .null,
                "error": one.error.map(JSONOutput.string) ?? .null,
            ]
        }
        return Response(.object(delivery.members + [.init("tries", .array(tries))]))
    }
}

extension WebhookEndpoint {
    /// The endpoint as its owner sees it.
    fileprivate var document: JSONOutput {
        [
            "id": .integer(Int64(id)), "object": "webhook_endpoint", "url": .string(url),
            "states": .array(states.map(JSONOutput.string)),
            "batch_states": .array(batchStates.map(JSONOutput.string)),
            "secret": .string(WebhookSignature.shown(secret)),
            "created_at": .number(createdAt.unixSeconds),
            "disabled_at": disabledAt.map { .number($0.unixSeconds) } ?? .null,
            "disabled_reason": disabledReason.map(JSONOutput.string) ?? .null,
        ]
    }
}

extension WebhookDelivery {
    /// The delivery as its owner sees it.
    fileprivate var members: [JSONOutput.Member] {
        let told: [JSONOutput.Member] =
            switch subject {
            case .job(let job, _, let state):
                [.init("job", .integer(job)), .init("job_state", .string(state.rawValue))]
            case .batch(let batch, let state):
                [.init("batch", .string(PublicID.batch.text(batch))), .init("batch_state", .string(state.rawValue))]
            }
        return [.init("id", .integer(id)), .init("object", "webhook_delivery")] + told + [
            .init("endpoint", endpoint.map { .integer(Int64($0)) } ?? .null),
            .init("url", .string(url)), .init("state", .string(state.rawValue)),
            .init("attempt", .integer(Int64(attempt))), .init("created_at", .number(createdAt.unixSeconds)),
            .init("due_at", dueAt.map { .number($0.unixSeconds) } ?? .null),
            .init("ended_at", endedAt.map { .number($0.unixSeconds) } ?? .null),
            .init("status", status.map { .integer(Int64($0)) } ?? .null),
            .init("error", error.map(JSONOutput.string) ?? .null),
        ]
    }
}
