import Domain
import HTTPTypes
import Hummingbird
import Queue

/// The OpenAI-compatible calls: a job each, at interactive priority, whose answer is waited for.
struct ModelRoutes: Sendable {
    let queue: Queue
    let submissions: Submissions
    let watch: JobWatch
    let departures: Departures
    let settings: GatewaySettings
    let counters: RequestCounters
    let entrance: Entrance

    func add(to router: some RouterMethods<GatewayContext>) {
        for kind in JobKind.allCases {
            router.post(RouterPath(kind.path)) { request, context in
                try await self.call(kind, request, context)
            }
        }
        ResponseRoutes(queue: queue, watch: watch, departures: departures).add(to: router)
        router.get("/v1/models") { _, _ in
            let models = try await self.models()
            return Response(["object": "list", "data": .array(models.map(Self.document))])
        }
        router.get("/v1/models/{model}") { _, context in try await self.show(context.modelName) }
        // The `openai` package sends a name as it is, and names have slashes.
        router.get("/v1/models/{model}/**") { _, context in
            let rest = context.parameters.getCatchAll().map { "/" + PathText.decoded(String($0)) }
            return try await self.show(context.modelName + rest.joined())
        }
    }

    private static func document(_ model: String) -> JSONOutput {
        ["id": .string(model), "object": "model", "created": 0, "owned_by": "sluice"]
    }

    private func models() async throws -> [String] {
        do { return try await queue.models() } catch { throw GatewayFailure(error) }
    }

    private func show(_ name: String) async throws -> Response {
        guard try await models().contains(name) else {
            throw GatewayFailure(
                status: .notFound, message: "There is no model \"\(name)\".", type: "invalid_request_error",
                code: "model_not_found", parameter: "model")
        }
        return Response(Self.document(name))
    }

    // MARK: Calls

    private func call(_ kind: JobKind, _ request: Request, _ context: GatewayContext) async throws -> Response {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: settings.maximumBodyBytes)
        let asked = try ModelRequest(body, kind: kind, maximumDepth: settings.maximumDepth)
        var job = JobRequest(model: asked.model, payload: asked.body)
        (job.kind, job.priority, job.tenant, job.isStreaming) =
            (kind, asked.isBackground ? .normal : .interactive, tenant, asked.isStreaming)
        job.idempotencyKey = request.headers[.idempotencyKey]
        try await entrance.admit(&job, context)
        let start = ContinuousClock.now
        let id: Int64
        do {
            try await watch.prepare()
            id = try await submissions.enqueue(job)
        } catch {
            throw GatewayFailure(error)
        }
        context.visit.queued(id)
        if asked.isBackground {
            let responses = ResponseRoutes(queue: queue, watch: watch, departures: departures)
            if asked.isStreaming { return responses.stream(id, after: .start, context) }
            guard let status = try await queue.status(of: [id]).first else {
                throw GatewayFailure.notFound("such response")
            }
            return try await responses.document(status)
        }
        if asked.isStreaming {
            return try await AnswerStream(
                queue: queue, watch: watch, job: id, asked: asked, outlivesClient: job.idempotencyKey != nil,
                visit: context.visit, counters: counters
            ).response(until: start + settings.callTimeout, for: context.channel, departures)
        }
        let ticket = watch.ticket()
        let left = Left()
        let gone = departures.watch(context.channel) { [watch] in
            left.now()
            watch.abandon(id, ticket: ticket)
        }
        defer {
            departures.forget(gone, of: context.channel)
            watch.done(ticket)
        }
        let outcome = await watch.result(of: id, ticket: ticket, within: settings.callTimeout)
        switch outcome {
        case .abandoned:
            // Whoever gave it a key said that it may be asked for again: then it is to be there, not cancelled.
            let goesOn = job.idempotencyKey != nil
            if !goesOn { try await cancel(id) }
            if left.hasLeft { throw CancellationError() }
            throw Self.overdue(id, goesOn: goesOn)
        case .result(let result):
            counters.ended(result, kind: kind)
            context.visit.ended(result)
            var response = try Self.response(result, kind)
            response.headers[.jobID] = "\(id)"
            if let model = result.servedBy { response.headers[.servedBy] = model }
            if result.isHedged { response.headers[.hedged] = "true" }
            response.headers[.processingTime] = "\((ContinuousClock.now - start).wholeMilliseconds)"
            return response
        }
    }

    private func cancel(_ job: Int64) async throws {
        do {
            try await queue.abandon(job)
        } catch {
            throw GatewayFailure(error)
        }
    }

    /// A call whose time is up.
    static func overdue(_ job: Int64, goesOn: Bool) -> GatewayFailure {
        GatewayFailure(
            status: .gatewayTimeout,
            message: goesOn
                ? "Job \(job) takes longer than a call may: ask again with the same Idempotency-Key."
                : "Job \(job) took too long and was cancelled.",
            type: "server_error", code: "timeout")
    }

    /// What OpenAI would answer.
    ///
    /// - Throws: `GatewayFailure` for a job without an answer.
    static func response(_ result: JobResult, _ kind: JobKind) throws -> Response {
        guard result.state == .succeeded, let body = result.body else { throw failure(result) }
        return Response(json: kind == .response ? ResponseText.identified(body, as: result.job) : body)
    }

    /// What a job that ended without an answer means to its client.
    static func failure(_ result: JobResult) -> GatewayFailure {
        let message = result.errorMessage ?? "The job ended as \(result.state.rawValue)."
        switch result.errorClass {
        case .invalidRequest, .unsupported:
            let upstream = UpstreamWords(result.body)
            return .invalid(upstream.message ?? message, parameter: upstream.parameter, code: upstream.code)
        case .rateLimited:
            return GatewayFailure(
                status: .tooManyRequests, message: message, type: "rate_limit_error", code: "rate_limit_exceeded",
                retryAfter: 1)
        case .overloaded:
            return GatewayFailure(
                status: .serviceUnavailable, message: message, type: "server_error", code: "overloaded", retryAfter: 1)
        case .timeout:
            return GatewayFailure(status: .gatewayTimeout, message: message, type: "server_error", code: "timeout")
        default:
            if result.state == .expired || result.state == .cancelled {
                return GatewayFailure(
                    status: .gatewayTimeout, message: message, type: "server_error", code: result.state.rawValue)
            }
            return GatewayFailure(status: .badGateway, message: message, type: "server_error", code: "backend_failed")
        }
    }
}
