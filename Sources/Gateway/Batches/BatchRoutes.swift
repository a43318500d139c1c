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
        let order = try BatchSubmission(body, tenant: tenant, maximumDepth: settings.maximumDepth).order
        let number: Int32
        do {
            guard try await queue.file(order.inputFile, of: tenant)?.purpose == "batch" else {
                throw BatchSubmission.noFile(PublicID.file.text(order.inputFile))
            }
            number = try await queue.order(order)
        } catch let error as QueueError where error.code == .notFound {
            throw BatchSubmission.noFile(PublicID.file.text(order.inputFile))
        }
        guard let batch = try await queue.batch(number, of: tenant) else { throw GatewayFailure.notFound("such batch") }
        return Response(batch.document)
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
