import Domain
import Hummingbird
import Queue

/// `/v1/batches`: create, list, look, cancel.
struct BatchRoutes: Sendable {
    let queue: Queue
    let settings: GatewaySettings

    func add(to router: some RouterMethods<GatewayContext>) {
        let batches = router.group("/v1/batches")
        batches.post { request, context in try await self.create(request, context) }
        batches.get { request, context in
            let page = try ListPage(request, of: .batch, upTo: 100, otherwise: 20)
            guard !page.isAscending else {
                throw GatewayFailure.invalid("Batches are listed the newest first.", parameter: "order")
            }
            let found = try await self.queue.batches(
                of: try context.tenant(), after: page.after.map(Int32.init(clamping:)), limit: Int32(page.limit + 1))
            return Response(page.document(found, id: { PublicID.batch.text($0.progress.batch) }, \.document))
        }
        batches.get("{id}") { _, context in Response(try await self.owned(context).document) }
        batches.post("{id}/cancel") { _, context in
            let batch = try await self.owned(context).progress
            guard batch.endedAt == nil else {
                throw GatewayFailure(
                    status: .conflict,
                    message: "\(PublicID.batch.text(batch.batch)) has ended: it is \(batch.state.status).",
                    type: "invalid_request_error", code: "conflict")
            }
            _ = try await self.queue.cancelBatch(batch.batch)
            return Response(try await self.owned(context).document)
        }
    }

    private func create(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: settings.maximumBodyBytes)
        var order = try BatchSubmission(body, tenant: tenant, maximumDepth: settings.maximumDepth).order
        (order.key, order.idempotencyKey) = (context.caller?.key, request.headers[.idempotencyKey])
        guard let batch = try await queue.batch(try await number(of: order), of: tenant) else {
            throw GatewayFailure.notFound("such batch")
        }
        return Response(batch.document)
    }

    /// The number of the batch that `order` makes, or made before.
    private func number(of order: BatchOrderRequest) async throws(GatewayFailure) -> Int32 {
        do {
            return try await queue.order(order)
        } catch {
            throw error.code == .notFound
                ? BatchSubmission.noFile(PublicID.file.text(order.inputFile)) : GatewayFailure(error)
        }
    }

    /// The batch the path names, if it is the caller's.
    private func owned(_ context: GatewayContext) async throws -> BatchRecord {
        let text = context.parameters.get("id") ?? ""
        guard let number = PublicID.batch.number(of: text).flatMap({ Int32(exactly: $0) }),
            let batch = try await queue.batch(number, of: try context.tenant())
        else { throw GatewayFailure.notFound("batch \(text.prefix(64))") }
        return batch
    }
}
