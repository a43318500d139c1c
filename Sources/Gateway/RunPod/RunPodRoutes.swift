import Domain
import HTTPTypes
import Hummingbird
import Queue

/// `/v2/{model}`: what clients and load testers of RunPod's serverless endpoints speak, a model being an endpoint.
///
/// Unlike the original, a job's record stays when its `ttl` has passed or its answer is old. Errors are `{"error": "…"}`.
struct RunPodRoutes: Sendable {
    let queue: Queue
    let submissions: Submissions
    let watch: JobWatch
    let wait: JobWait
    let settings: GatewaySettings
    let entrance: Entrance

    /// How long `/runsync` waits when nothing is said, milliseconds, and what may be said.
    private static let synchronousWait = 90_000
    private static let synchronousWaits = 1_000...300_000
    /// How long `/stream` waits for a piece: less than clients wait for an answer.
    private static let streamWait = Duration.seconds(4)
    /// How long `/cancel` waits for a running job to stop; likewise.
    private static let cancelWait = Duration.seconds(2)
    /// The most jobs one purge cancels.
    private static let purgeLimit: Int32 = 100_000

    func add(to router: some RouterMethods<GatewayContext>) {
        let endpoint = router.group("/v2/{model}")
        endpoint.post("run") { request, context in
            try await Self.explaining {
                let id = try await self.submit(request, context, isSynchronous: false)
                // One that was submitted before may be further.
                guard request.headers[.idempotencyKey] == nil else {
                    return try await self.document(try await self.wait.status(of: id))
                }
                return Self.queued(id)
            }
        }
        endpoint.post("runsync") { request, context in
            try await Self.explaining { try await self.runSynchronously(request, context) }
        }
        // Its own package asks with GET, others with POST.
        for method in [HTTPRequest.Method.get, .post] {
            endpoint.on("status/{id}", method: method) { _, context in
                try await Self.explaining { try await self.document(try await self.owned(context)) }
            }
            endpoint.on("stream/{id}", method: method) { _, context in
                try await Self.explaining { try await self.stream(context) }
            }
        }
        endpoint.post("cancel/{id}") { _, context in
            try await Self.explaining {
                let job = try await self.owned(context)
                _ = try await self.queue.cancel(job.id)
                return try await self.document(
                    try await self.wait.settled(job.id, waitingAtMost: Self.cancelWait, context))
            }
        }
        endpoint.post("retry/{id}") { _, context in
            try await Self.explaining {
                let job = try await self.owned(context)
                try await self.entrance.retry(job, in: self.queue)
                return Self.queued(job.id)
            }
        }
        endpoint.post("purge-queue") { _, context in try await Self.explaining { try await self.purge(context) } }
        endpoint.get("health") { _, context in try await Self.explaining { try await self.health(context) } }
    }

    /// Turns every failure into what these clients are used to.
    private static func explaining(_ body: () async throws -> Response) async throws -> Response {
        do { return try await body() } catch let error where error is QueueError || error is GatewayFailure {
            let failure = GatewayFailure(error)
            var response = Response(["error": .string(failure.message)], status: failure.status)
            if let retryAfter = failure.retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
            return response
        }
    }

    private static func queued(_ job: Int64) -> Response {
        Response(["id": .string("\(job)"), "status": .string(RunPodStatus.inQueue.rawValue)])
    }

    // MARK: Submitting

    private func submit(_ request: Request, _ context: GatewayContext, isSynchronous: Bool) async throws -> Int64 {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: settings.maximumBodyBytes)
        var submission = try RunPodSubmission(
            body, model: context.modelName, tenant: tenant, isSynchronous: isSynchronous,
            maximumDepth: settings.maximumDepth)
        submission.request.idempotencyKey = request.headers[.idempotencyKey]
        try await entrance.admit(&submission.request, context)
        let id = try await submissions.enqueue(submission.request)
        context.visit.queued(id)
        return id
    }

    private func runSynchronously(_ request: Request, _ context: GatewayContext) async throws -> Response {
        var milliseconds = Self.synchronousWait
        if let text = request.uri.queryParameters["wait"] {
            guard let number = Int(text), Self.synchronousWaits ~= number else {
                throw GatewayFailure.invalid("`wait` is 1000 to 300000 milliseconds.", parameter: "wait")
            }
            milliseconds = number
        }
        try await watch.prepare()
        let id = try await submit(request, context, isSynchronous: true)
        return try await document(
            try await wait.settled(id, waitingAtMost: .milliseconds(milliseconds), context))
    }

    // MARK: Looking

    private func document(_ job: JobStatus) async throws -> Response {
        let result = job.state == .succeeded ? try await queue.results(of: [job.id]).first : nil
        return Response(.object(job.runPodDocument(result: result)))
    }

    /// The pieces that nobody has taken yet, waiting a little when there are none.
    private func stream(_ context: GatewayContext) async throws -> Response {
        let job = try await owned(context)
        try await watch.prepare()
        let deadline = ContinuousClock.now + Self.streamWait
        var mark = watch.mark
        var page = try await queue.takeChunks(of: job.id)
        while page.chunks.isEmpty, !page.isEnd, ContinuousClock.now < deadline {
            await watch.news(of: job.id, since: mark)
            mark = watch.mark
            page = try await queue.takeChunks(of: job.id)
        }
        var members = try await wait.status(of: job.id).runPodDocument()
        members.removeAll { $0.name == "output" }
        members.append(.init("stream", .array(page.chunks.map { ["output": .raw($0.body)] })))
        return Response(.object(members))
    }

    /// The job the path names, if it is the caller's and of this model.
    private func owned(_ context: GatewayContext) async throws -> JobStatus {
        let tenant = try context.tenant()
        let text = context.parameters.get("id") ?? ""
        guard let id = Int64(text), id > 0, let job = try await queue.status(of: [id]).first, job.tenant == tenant,
            job.model == context.modelName
        else {
            throw GatewayFailure.notFound("job \(text.prefix(32))")
        }
        return job
    }

    private func purge(_ context: GatewayContext) async throws -> Response {
        let (tenant, model) = (try context.tenant(), context.modelName)
        var removed: Int32 = 0
        while removed < Self.purgeLimit {
            let count = try await queue.purge(model: model, tenant: tenant)
            removed += count
            if count == 0 { break }
        }
        return Response(["removed": .integer(Int64(removed)), "status": "completed"])
    }

    private func health(_ context: GatewayContext) async throws -> Response {
        let health = try await queue.endpointHealth(model: context.modelName, tenant: try context.tenant())
        return Response([
            "jobs": [
                "completed": .integer(health.completed), "failed": .integer(health.failed),
                "inProgress": .integer(health.running), "inQueue": .integer(health.queued),
                "retried": .integer(health.retried),
            ],
            "workers": [
                "idle": .integer(health.workersIdle), "initializing": .integer(health.workersStarting),
                "ready": .integer(health.workersIdle + health.workersBusy), "running": .integer(health.workersBusy),
                "throttled": 0, "unhealthy": 0,
            ],
        ])
    }
}
