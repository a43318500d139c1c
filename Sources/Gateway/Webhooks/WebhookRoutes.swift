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
            try await Self.explaining { try await self.addEndpoint(request, context) }
        }
        webhooks.get("endpoints") { _, context in
            try await Self.explaining {
                let endpoints = try await self.queue.webhookEndpoints(of: try context.tenant())
                return Response(["object": "list", "data": .array(endpoints.map(\.document))])
            }
        }
        webhooks.delete("endpoints/{id}") { _, context in
            try await Self.explaining {
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
        }
        webhooks.get("secret") { _, context in
            try await Self.explaining { try await self.secret(context, rotating: false) }
        }
        webhooks.post("secret/rotate") { _, context in
            try await Self.explaining { try await self.secret(context, rotating: true) }
        }
        webhooks.get("deliveries") { request, context in
            try await Self.explaining { try await self.list(request, context) }
        }
        webhooks.get("deliveries/{id}") { _, context in
            try await Self.explaining { try await self.show(try Self.id(context, "webhook delivery"), context) }
        }
        webhooks.post("deliveries/{id}/redeliver") { _, context in
            try await Self.explaining {
                let id = try Self.id(context, "webhook delivery")
                do {
                    try await self.queue.redeliver(id, of: try context.tenant())
                } catch let error as QueueError where error.code == .notFound {
                    throw GatewayFailure.notFound("webhook delivery \(id)")
                }
                return try await self.show(id, context)
            }
        }
    }

    private static func explaining(_ body: () async throws -> Response) async throws -> Response {
        do { return try await body() } catch let error as QueueError { throw GatewayFailure(error) }
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
            body, of: "The request body", selecting: [["url"], ["states"]], maximumDepth: settings.maximumDepth)
        guard let webhook = try reader.webhook(0, "url", form: .standard) else {
            throw GatewayFailure.invalid("`url` says where to send webhooks.", parameter: "url")
        }
        var states: [String]?
        if let member = reader.member(1) {
            let ends = JobState.allCases.filter(\.isTerminal).map(\.rawValue)
            let given = try Self.strings(reader.raw(member), settings.maximumDepth)
            guard let given, !given.isEmpty, given.allSatisfy(ends.contains) else {
                throw GatewayFailure.invalid(
                    "`states` is an array of \(ends.joined(separator: ", ")).", parameter: "states")
            }
            states = given
        }
        let id = try await queue.putWebhookEndpoint(webhook.url, tenant: tenant, states: states)
        guard let endpoint = try await queue.webhookEndpoints(of: tenant).first(where: { $0.id == id }) else {
            throw GatewayFailure.notFound("webhook endpoint \(id)")
        }
        return Response(endpoint.document, status: .created)
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
            "states": .array(states.map(JSONOutput.string)), "secret": .string(WebhookSignature.shown(secret)),
            "created_at": .number(createdAt.unixSeconds),
            "disabled_at": disabledAt.map { .number($0.unixSeconds) } ?? .null,
            "disabled_reason": disabledReason.map(JSONOutput.string) ?? .null,
        ]
    }
}

extension WebhookDelivery {
    /// The delivery as its owner sees it.
    fileprivate var members: [JSONOutput.Member] {
        [
            .init("id", .integer(id)), .init("object", "webhook_delivery"), .init("job", .integer(job)),
            .init("job_state", .string(jobState.rawValue)),
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
