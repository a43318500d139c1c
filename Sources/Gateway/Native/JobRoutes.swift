import Domain
import HTTPTypes
import Hummingbird
import Queue

/// `/api/jobs`: submit, look, wait, cancel, retry, score, listen.
struct JobRoutes: Sendable {
    let queue: Queue
    let submissions: Submissions
    let watch: JobWatch
    let departures: Departures
    let wait: JobWait
    let settings: GatewaySettings
    let entrance: Entrance

    /// The longest one request waits for a job.
    private static let longestWait = 300

    func add(to router: some RouterMethods<GatewayContext>) {
        let jobs = router.group("/api/jobs")
        jobs.post { request, context in try await self.submit(request, context) }
        jobs.get { request, context in try await self.list(request, context) }
        jobs.get("{id}") { request, context in try await self.show(request, context) }
        jobs.get("{id}/events") { request, context in try await self.events(request, context) }
        jobs.post("{id}/cancel") { _, context in
            let job = try await self.owned(context)
            _ = try await self.queue.cancel(job.id)
            return try await self.response(try await self.wait.status(of: job.id))
        }
        jobs.post("{id}/retry") { _, context in
            let job = try await self.owned(context)
            try await self.entrance.retry(job, in: self.queue)
            return try await self.response(try await self.wait.status(of: job.id))
        }
        jobs.post("{id}/score") { request, context in try await self.score(request, context) }
    }

    // MARK: Submitting

    private func submit(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: settings.maximumBodyBytes)
        guard let texts = try elements(of: body) else {
            var submission = try JobSubmission(body, tenant: tenant, maximumDepth: settings.maximumDepth)
            if let key = request.headers[.idempotencyKey] { submission.request.idempotencyKey = key }
            try await entrance.admit(&submission.request, context)
            let preferred = Self.preferredWait(request)
            if preferred != nil { try await watch.prepare() }
            let id = try await submissions.enqueue(submission.request)
            context.visit.queued(id)
            let status = try await wait.settled(id, waitingAtMost: .seconds(preferred ?? 0), context)
            var response = try await self.response(status, as: status.state.isTerminal ? .ok : .accepted)
            response.headers[.location] = "/api/jobs/\(id)"
            if let preferred { response.headers[.preferenceApplied] = "wait=\(preferred)" }
            return response
        }
        guard request.headers[.idempotencyKey] == nil else {
            throw GatewayFailure.invalid("Give each job of an array an `idempotency_key` of its own.")
        }
        var jobs = try texts.map {
            try JobSubmission($0, tenant: tenant, maximumDepth: settings.maximumDepth)
        }
        for index in jobs.indices {
            try await entrance.admit(&jobs[index].request, context, isFirst: index == 0)
        }
        let visit = context.visit
        // All under way at once, so that they share INSERTs: one that is refused says so, and takes nobody with it.
        let outcomes = await withTaskGroup(of: (Int, JSONOutput).self) { group in
            for (index, job) in jobs.enumerated() {
                group.addTask {
                    do {
                        let id = try await submissions.enqueue(job.request)
                        visit.queued(id)
                        return (index, ["id": .integer(id)])
                    } catch {
                        return (index, GatewayFailure(error).json)
                    }
                }
            }
            return await group.reduce(into: [Int: JSONOutput]()) { $0[$1.0] = $1.1 }
        }
        let documents = jobs.indices.compactMap { outcomes[$0] }
        return Response(["object": "list", "data": .array(documents)], status: .accepted)
    }

    /// The elements of `body` when it is an array; nil when it is not.
    private func elements(of body: [UInt8]) throws -> [[UInt8]]? {
        guard body.first(where: { !Self.isBlank($0) }) == UInt8(ascii: "[") else { return nil }
        let ranges: [Range<Int>]
        do { ranges = try JSONElements.ranges(of: body.span, maximumDepth: settings.maximumDepth) } catch {
            throw GatewayFailure.invalid("The request body is not JSON: \(error.description)")
        }
        guard 1...settings.maximumJobsPerCall ~= ranges.count else {
            throw GatewayFailure.invalid("A call submits 1 to \(settings.maximumJobsPerCall) jobs.")
        }
        return ranges.map { Array(body[$0]) }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }

    // MARK: Looking

    private func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let query = ListQuery(request)
        var filter = JobFilter()
        filter.tenant = try context.tenant()
        filter.state = try query.word("state")
        filter.model = query.text("model")
        filter.batch = try query.id("batch").map(Int32.init(clamping:))
        filter.limit = try query.limit()
        filter.before = try query.id("after")
        let jobs = try await queue.jobs(filter)
        let details = try await queue.details(of: jobs.map(\.id))
        return Response([
            "object": "list", "data": .array(jobs.map { $0.document(details: details[$0.id]) }),
            "has_more": .bool(jobs.count == filter.limit), "last_id": jobs.last.map { .integer($0.id) } ?? .null,
        ])
    }

    private func show(_ request: Request, _ context: GatewayContext) async throws -> Response {
        var job = try await owned(context)
        if let seconds = try Self.wait(request), !job.state.isTerminal {
            job = try await wait.settled(job.id, waitingAtMost: .seconds(seconds), context)
        }
        return try await response(job)
    }

    /// The job, with its answer if it has ended.
    private func response(_ job: JobStatus, as status: HTTPResponse.Status = .ok) async throws -> Response {
        let result = job.state.isTerminal ? try await queue.results(of: [job.id]).first : nil
        let details = try await queue.details(of: [job.id])[job.id]
        return Response(job.document(result: result, details: details), status: status)
    }

    private func events(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let job = try await owned(context)
        guard let place = JobEvents.place(request.headers[.lastEventID] ?? "") else {
            throw GatewayFailure.invalid("`Last-Event-ID` is an id this stream has sent, like 1-17.")
        }
        return JobEvents(queue: queue, watch: watch, job: job.id).response(
            after: place, for: context.channel, departures)
    }

    private func score(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let job = try await owned(context)
        let reader = try MemberReader(
            try await request.bytes(upTo: settings.maximumBodyBytes), of: "A score", selecting: [["value"]],
            maximumDepth: settings.maximumDepth)
        guard let value = try reader.number(0, "value", -1_000_000...1_000_000) else {
            throw GatewayFailure.invalid("`value` says how good the answer is, a number.", parameter: "value")
        }
        try await queue.score(job.id, value)
        return Response(["id": .integer(job.id), "object": "score", "value": .number(value)])
    }

    /// The job the path names, if it is the caller's.
    private func owned(_ context: GatewayContext) async throws -> JobStatus {
        let tenant = try context.tenant()
        let text = context.parameters.get("id") ?? ""
        guard let id = Int64(text), id > 0, let job = try await queue.status(of: [id]).first, job.tenant == tenant
        else {
            throw GatewayFailure.notFound("job \(text.prefix(32))")
        }
        return job
    }

    /// `?wait=N`, seconds; nil when it is not there.
    private static func wait(_ request: Request) throws -> Int? {
        guard let text = request.uri.queryParameters["wait"] else { return nil }
        guard let seconds = Int(text), 0...longestWait ~= seconds else {
            throw GatewayFailure.invalid("`wait` is 0 to \(longestWait) seconds.", parameter: "wait")
        }
        return seconds
    }

    /// `Prefer: wait=N` (RFC 7240); nil without. What cannot be honoured is not an error there.
    private static func preferredWait(_ request: Request) -> Int? {
        for part in (request.headers[.prefer] ?? "").split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let words = part.split(separator: "=")
            guard words.count == 2, words[0].filter({ $0 != " " }).lowercased() == "wait",
                let seconds = Int(words[1].filter { $0 != " " }), seconds >= 0
            else { continue }
            return min(seconds, longestWait)
        }
        return nil
    }
}
