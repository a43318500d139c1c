import Domain
import Hummingbird
import Queue

/// `/v1/responses/{id}`: look, follow, cancel, delete. They are made by `POST /v1/responses`, see `ModelRoutes`.
struct ResponseRoutes: Sendable {
    let queue: Queue
    let watch: JobWatch
    let departures: Departures

    func add(to router: some RouterMethods<GatewayContext>) {
        let responses = router.group("/v1/responses")
        responses.get("{id}") { request, context in
            let job = try await self.owned(context)
            if let place = try Self.place(request) { return self.stream(job.id, after: place, context) }
            return try await self.document(job)
        }
        responses.post("{id}/cancel") { _, context in
            let job = try await self.owned(context)
            guard job.isBackground else {
                throw GatewayFailure.invalid(
                    "Only a background response can be cancelled: others end with their client.")
            }
            _ = try await self.queue.cancel(job.id)
            return try await self.document(try await self.owned(context))
        }
        responses.delete("{id}") { _, context in
            let job = try await self.owned(context)
            try await self.queue.forget(job.id)
            return Response(["id": .string(PublicID.response.text(job.id)), "object": "response", "deleted": true])
        }
    }

    /// The events of a response after `place`.
    func stream(_ job: Int64, after place: ChunkPlace, _ context: GatewayContext) -> Response {
        EventStream(queue: queue, watch: watch, job: job, form: ResponseEvents(queue: queue, job: job))
            .response(after: place, for: context.channel, departures)
    }

    /// The response as it is now.
    func document(_ job: JobStatus) async throws -> Response {
        let result = job.state.isTerminal ? try await queue.results(of: [job.id]).first : nil
        return Response(job.response(result))
    }

    /// From where on events are asked for; nil: they are not.
    private static func place(_ request: Request) throws(GatewayFailure) -> ChunkPlace? {
        let query = request.uri.queryParameters
        guard query["stream"] == "true" else { return nil }
        guard let text = query["starting_after"] else { return .start }
        guard let number = Int64(text), let place = ChunkPlace(sequenceNumber: number) else {
            throw .invalid("`starting_after` is the sequence_number of an event.", parameter: "starting_after")
        }
        return place
    }

    /// The job of the response the path names, if it is the caller's.
    private func owned(_ context: GatewayContext) async throws -> JobStatus {
        let tenant = try context.tenant()
        let text = context.parameters.get("id") ?? ""
        guard let id = PublicID.response.number(of: text), let job = try await queue.status(of: [id]).first,
            job.tenant == tenant, job.kind == .response
        else { throw GatewayFailure.notFound("response \(text.prefix(64))") }
        return job
    }
}
