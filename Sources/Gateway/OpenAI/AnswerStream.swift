import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Queue

/// The answer of a streaming call, as server-sent events in OpenAI's form.
///
/// The status is sent with the first piece, so that a job that fails before it gets its own. What a client has read cannot
/// be taken back: when the attempt is given up after that, the stream ends with an error, and the whole answer is at
/// `/api/jobs/ID` when it is there.
struct AnswerStream: Sendable {
    let queue: Queue
    let watch: JobWatch
    let job: Int64
    let asked: ModelRequest
    /// Whether the job goes on without its client, who may ask for it again.
    let outlivesClient: Bool
    let visit: Visit
    let counters: RequestCounters

    /// Waits for the first piece and answers with all of them.
    ///
    /// - Throws: `GatewayFailure` when the job ends without a piece, or time is up.
    func response(
        until deadline: ContinuousClock.Instant, for channel: any Channel, _ departures: Departures
    ) async throws -> Response {
        let left = Left()
        let ticket = departures.watch(channel) { [watch, job] in
            left.now()
            watch.nudge(job)
        }
        var page: ChunkPage
        do {
            page = try await next(after: .start, until: deadline, left)
        } catch {
            departures.forget(ticket, of: channel)
            // Nobody is there to hear why.
            if left.hasLeft, !outlivesClient { try await queue.abandon(job) }
            throw error
        }
        var result: JobResult?
        if page.isEnd {
            departures.forget(ticket, of: channel)
            // It answered without pieces, or not at all.
            let known = try await ended()
            guard known.state == .succeeded, known.body != nil else { throw ModelRoutes.failure(known) }
            result = known
        }
        let (first, known) = (page, result)
        let body = ResponseBody { writer in
            defer { departures.forget(ticket, of: channel) }
            var reading = Reading(page: first, result: known)
            do {
                while let buffer = try await next(&reading, until: deadline, left) { try await writer.write(buffer) }
            } catch {
                // The client has gone: nobody wants the rest.
                if !outlivesClient { try await queue.abandon(job) }
                throw error
            }
            try await writer.finish(nil)
        }
        var headers = HTTPFields.eventStream
        headers[.jobID] = "\(job)"
        return Response(status: .ok, headers: headers, body: body)
    }

    /// How far a client has read.
    private struct Reading {
        /// What is to be sent next; nil: to be read first.
        var page: ChunkPage?
        /// How the job ended, once that is known.
        var result: JobResult?
        var place = ChunkPlace.start
        var sawUsage = false
        var isOver = false
    }

    /// The next events to send; nil after the last. A failure is the last event.
    ///
    /// - Throws: `CancellationError` when the client has gone.
    private func next(
        _ reading: inout Reading, until deadline: ContinuousClock.Instant, _ left: Left
    ) async throws -> ByteBuffer? {
        guard !reading.isOver else { return nil }
        do {
            let page: ChunkPage
            if let known = reading.page {
                page = known
                reading.page = nil
            } else {
                page = try await next(after: reading.place, until: deadline, left)
            }
            if page.isEnd {
                reading.isOver = true
                return try await end(reading)
            }
            return try events(page, &reading)
        } catch let failure as GatewayFailure {
            reading.isOver = true
            var buffer = ByteBuffer()
            ServerSentEvent(failure.json).write(to: &buffer)
            return buffer
        }
    }

    private func events(_ page: ChunkPage, _ reading: inout Reading) throws(GatewayFailure) -> ByteBuffer {
        var buffer = ByteBuffer()
        for chunk in page.chunks {
            guard reading.place.attempt == 0 || chunk.place.attempt == reading.place.attempt else {
                throw .restarted("/api/jobs/\(job)")
            }
            reading.place = chunk.place
            if asked.includesUsage, !reading.sawUsage { reading.sawUsage = Self.hasUsage(chunk.body) }
            let event = asked.kind == .response ? ResponseText.event(chunk) : ServerSentEvent(chunk.body)
            event.write(to: &buffer)
        }
        return buffer
    }

    /// What comes after the last piece.
    private func end(_ reading: Reading) async throws -> ByteBuffer {
        let result = if let known = reading.result { known } else { try await ended() }
        guard result.state == .succeeded else { throw ModelRoutes.failure(result) }
        var buffer = ByteBuffer()
        var sawUsage = reading.sawUsage
        if reading.place == .start, let body = result.body {
            let whole = asked.kind == .response ? ResponseText.identified(body, as: job) : body
            for event in WholeAnswer(whole, kind: asked.kind).events(includesUsage: asked.includesUsage) {
                sawUsage = sawUsage || Self.hasUsage(event.data)
                event.write(to: &buffer)
            }
        }
        // The Responses API ends with an event of its own.
        guard asked.kind != .response else { return buffer }
        if asked.includesUsage, !sawUsage { ServerSentEvent(usage(result)).write(to: &buffer) }
        buffer.writeString("data: [DONE]\n\n")
        return buffer
    }

    /// How the job ended, which it has: to be asked for once, since it is counted.
    private func ended() async throws -> JobResult {
        let results: [JobResult]
        do { results = try await queue.results(of: [job]) } catch { throw GatewayFailure(error) }
        guard let result = results.first else { throw GatewayFailure.notFound("such job") }
        visit.ended(result)
        counters.ended(result, kind: asked.kind)
        return result
    }

    /// What there is to read after `place`, waiting until there is something.
    private func next(
        after place: ChunkPlace, until deadline: ContinuousClock.Instant, _ left: Left
    ) async throws -> ChunkPage {
        var mark = watch.mark
        var page = try await read(after: place)
        while page.chunks.isEmpty, !page.isEnd {
            if left.hasLeft { throw CancellationError() }
            if ContinuousClock.now >= deadline { throw try await overdue() }
            await watch.news(of: job, since: mark)
            mark = watch.mark
            page = try await read(after: place)
        }
        return page
    }

    private func read(after place: ChunkPlace) async throws -> ChunkPage {
        do {
            return try await queue.readChunks(of: job, after: place)
        } catch {
            throw GatewayFailure(error)
        }
    }

    /// Gives the job up, unless its client may ask again.
    private func overdue() async throws -> GatewayFailure {
        if !outlivesClient { _ = try await queue.cancel(job, reason: "it took longer than a call may") }
        return ModelRoutes.overdue(job, goesOn: outlivesClient)
    }

    /// The piece that tells the tokens used, when the backend did not send one.
    private func usage(_ result: JobResult) -> JSONOutput {
        let (prompt, completion) = (Int64(result.promptTokens ?? 0), Int64(result.completionTokens ?? 0))
        var usage: [JSONOutput.Member] = [
            .init("prompt_tokens", .integer(prompt)), .init("completion_tokens", .integer(completion)),
            .init("total_tokens", .integer(prompt + completion)),
        ]
        if result.isUsageEstimated { usage.append(.init("estimated", .bool(true))) }
        return [
            "id": .string("job-\(job)"),
            "object": asked.kind == .chat ? "chat.completion.chunk" : "text_completion",
            "created": 0, "model": .string(asked.model), "choices": [],
            "usage": .object(usage),
        ]
    }

    private static func hasUsage(_ chunk: [UInt8]) -> Bool {
        var scanner = JSONScanner(selecting: [["usage"]])
        do throws(JSONScanError) { try scanner.scan(chunk.span) } catch { return false }
        return scanner[0]?.kind == .object
    }
}
