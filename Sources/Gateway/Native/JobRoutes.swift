import Domain
import HTTPTypes
import Hummingbird
import Queue

/// `/api/jobs`: submit, look, wait, cancel, retry, listen.
struct JobRoutes: Sendable {
    let queue: Queue
    let watch: JobWatch
    let departures: Departures
    let settings: GatewaySettings
    let entrance: Entrance

    /// The longest one request waits for a job.
    private static let longestWait = 300

    func add(to router: some RouterMethods<GatewayContext>) {
        let jobs = router.group("/api/jobs")
        jobs.post { request, context in try await Self.explaining { try await self.submit(request, context) } }
        jobs.get { request, context in try await Self.explaining { try await self.list(request, context) } }
        jobs.get("{id}") { request, context in try await Self.explaining { try await self.show(request, context) } }
        jobs.get("{id}/events") { request, context in
            try await Self.explaining { try await self.events(request, context) }
        }
        jobs.post("{id}/cancel") { request, context in
            try await Self.explaining {
                let job = try await self.owned(context)
                _ = try await self.queue.cancel(job.id)
                return Response(try await self.owned(context).document())
            }
        }
        jobs.post("{id}/retry") { request, context in
            try await Self.explaining {
                let job = try await self.owned(context)
                try await self.queue.retry(job.id)
                return Response(try await self.owned(context).document())
            }
        }
    }

    /// Turns what the queue says into what a client is told.
    private static func explaining(_ body: () async throws -> Response) async throws -> Response {
        do { return try await body() } catch let error as QueueError { throw GatewayFailure(error) }
    }

    // MARK: Submitting

    private func submit(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let tenant = try context.tenant()
        let body = try await request.bytes(upTo: settings.maximumBodyBytes)
        guard let texts = try elements(of: body) else {
            var submission = try JobSubmission(body, tenant: tenant, maximumDepth: settings.maximumDepth)
            if let key = request.headers[.idempotencyKey] { submission.request.idempotencyKey = key }
            try await entrance.admit(&submission.request, context)
            let id = try await queue.enqueue(submission.request)
            context.visit.queued(id)
            let status = try await settled(id, waitingAtMost: Self.preferredWait(request), context)
            let result = status.state.isTerminal ? try await queue.results(of: [id]).first : nil
            var response = Response(
                status.document(result: result), status: status.state.isTerminal ? .ok : .accepted)
            response.headers[.location] = "/api/jobs/\(id)"
            return response
        }
        var submissions = try texts.map {
            try JobSubmission($0, tenant: tenant, maximumDepth: settings.maximumDepth)
        }
        for index in submissions.indices {
            try await entrance.admit(&submissions[index].request, context, isFirst: index == 0)
        }
        let visit = context.visit
        // Each is a call of its own, all under way at once: one that is refused says so, and takes nobody with it.
        let outcomes = await withTaskGroup(of: (Int, JSONOutput).self) { group in
            for (index, submission) in submissions.enumerated() {
                group.addTask {
                    do {
                        let id = try await queue.enqueue(submission.request)
                        visit.queued(id)
                        return (index, ["id": .integer(id)])
                    } catch {
                        return (index, GatewayFailure(error).json)
                    }
                }
            }
            return await group.reduce(into: [Int: JSONOutput]()) { $0[$1.0] = $1.1 }
        }
        let documents = submissions.indices.compactMap { outcomes[$0] }
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
        let query = request.uri.queryParameters
        var filter = JobFilter()
        filter.tenant = try context.tenant()
        if let word = query["state"] {
            guard let state = JobState(rawValue: String(word)) else {
                throw GatewayFailure.invalid(
                    "`state` is one of \(JobState.allCases.map(\.rawValue).joined(separator: ", ")).",
                    parameter: "state")
            }
            filter.state = state
        }
        filter.model = query["model"].map(String.init)
        if let text = query["limit"] {
            guard let limit = Int(text), 1...1_000 ~= limit else {
                throw GatewayFailure.invalid("`limit` is 1 to 1000.", parameter: "limit")
            }
            filter.limit = limit
        }
        if let text = query["after"] {
            guard let id = Int64(text), id > 0 else {
                throw GatewayFailure.invalid(
                    "`after` is the id of the last job of the page before.", parameter: "after")
            }
            filter.before = id
        }
        let jobs = try await queue.jobs(filter)
        return Response([
            "object": "list", "data": .array(jobs.map { $0.document() }),
            "has_more": .bool(jobs.count == filter.limit), "last_id": jobs.last.map { .integer($0.id) } ?? .null,
        ])
    }

    private func show(_ request: Request, _ context: GatewayContext) async throws -> Response {
        var job = try await owned(context)
        if let wait = try Self.wait(request), !job.state.isTerminal {
            job = try await settled(job.id, waitingAtMost: wait, context)
        }
        let result = job.state.isTerminal ? try await queue.results(of: [job.id]).first : nil
        return Response(job.document(result: result))
    }

    private func events(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let job = try await owned(context)
        guard let place = JobEvents.place(request.headers[.lastEventID] ?? "") else {
            throw GatewayFailure.invalid("`Last-Event-ID` is an id this stream has sent, like 1-17.")
        }
        return JobEvents(queue: queue, watch: watch, job: job.id).response(
            after: place, for: context.channel, departures)
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

    /// The job, as soon as it has ended, or when `seconds` have passed.
    private func settled(_ id: Int64, waitingAtMost seconds: Int, _ context: GatewayContext) async throws -> JobStatus {
        if seconds > 0 {
            try await watch.prepare()
            let ticket = watch.ticket()
            let gone = departures.watch(context.channel) { [watch] in watch.abandon(id, ticket: ticket) }
            defer {
                departures.forget(gone, of: context.channel)
                watch.done(ticket)
            }
            await withTaskGroup { group in
                group.addTask { _ = await watch.result(of: id, ticket: ticket) }
                group.addTask {
                    do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
                    watch.abandon(id, ticket: ticket)
                }
                await group.next()
                group.cancelAll()
            }
        }
        guard let job = try await queue.status(of: [id]).first else { throw GatewayFailure.notFound("job \(id)") }
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

    /// `Prefer: wait=N` (RFC 7240); 0 without. What cannot be honoured is not an error there.
    private static func preferredWait(_ request: Request) -> Int {
        for part in (request.headers[.prefer] ?? "").split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let words = part.split(separator: "=")
            guard words.count == 2, words[0].filter({ $0 != " " }).lowercased() == "wait" else { continue }
            return min(max(Int(words[1].filter { $0 != " " }) ?? 0, 0), longestWait)
        }
        return 0
    }
}
