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

    /// Waits for the first piece and answers with all of them.
    ///
    /// - Throws: `GatewayFailure` when the job ends without a piece, or time is up.
    func response(
        until deadline: ContinuousClock.Instant, for channel: any Channel, _ departures: Departures
    ) async throws -> Response {
        let left = Left()
        let ticket = departures.watch(channel) { left.now() }
        var page: ChunkPage
        do {
            page = try await next(after: .start, until: deadline, left)
        } catch {
            departures.forget(ticket, of: channel)
            throw error
        }
        if page.isEnd {
            departures.forget(ticket, of: channel)
            // It answered without pieces, or not at all.
            guard let result = try await queue.results(of: [job]).first else { throw GatewayFailure.notFound("such job") }
            _ = try ModelRoutes.response(result)
        }
        let first = page
        let body = ResponseBody { writer in
            defer { departures.forget(ticket, of: channel) }
            do {
                try await write(first, to: &writer, until: deadline, left)
            } catch let error as GatewayFailure {
                try await writer.write(Self.event(error.json))
            } catch let error as QueueError {
                try await writer.write(Self.event(GatewayFailure(error).json))
            } catch {
                // The client has gone: nobody wants the rest.
                _ = try await queue.cancel(job, reason: "its client went away")
                throw error
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-cache", .jobID: "\(job)",
                .accelBuffering: "no",
            ], body: body)
    }

    private func write(
        _ first: ChunkPage, to writer: inout any ResponseBodyWriter, until deadline: ContinuousClock.Instant, _ left: Left
    ) async throws {
        var page = first
        var place = ChunkPlace.start
        var sawUsage = false
        while !page.isEnd {
            var buffer = ByteBuffer()
            for chunk in page.chunks {
                guard place.attempt == 0 || chunk.place.attempt == place.attempt else { throw Self.restarted(job) }
                place = chunk.place
                if asked.includesUsage, !sawUsage { sawUsage = Self.hasUsage(chunk.body) }
                Self.append(chunk.body, to: &buffer)
            }
            if buffer.readableBytes > 0 { try await writer.write(buffer) }
            page = try await next(after: place, until: deadline, left)
        }
        guard let result = try await queue.results(of: [job]).first else { throw GatewayFailure.notFound("such job") }
        guard result.state == .succeeded else { throw ModelRoutes.failure(result) }
        if place == .start, let body = result.body { try await writer.write(Self.event(.raw(body))) }
        if asked.includesUsage, !sawUsage, asked.kind != .response { try await writer.write(Self.event(usage(result))) }
        // The Responses API ends with an event of its own.
        if asked.kind != .response { try await writer.write(ByteBuffer(string: "data: [DONE]\n\n")) }
    }

    /// What there is to read after `place`, waiting until there is something.
    private func next(
        after place: ChunkPlace, until deadline: ContinuousClock.Instant, _ left: Left
    ) async throws -> ChunkPage {
        while true {
            do {
                let page = try await queue.readChunks(of: job, after: place)
                if !page.chunks.isEmpty || page.isEnd { return page }
            } catch let error as QueueError {
                throw GatewayFailure(error)
            }
            guard !left.hasLeft else { throw CancellationError() }
            guard .now < deadline else {
                _ = try await queue.cancel(job, reason: "it took longer than a call may")
                throw GatewayFailure(
                    status: .gatewayTimeout, message: "Job \(job) took too long and was cancelled.",
                    type: "server_error", code: "timeout")
            }
            await watch.news(of: job)
        }
    }

    private static func restarted(_ job: Int64) -> GatewayFailure {
        GatewayFailure(
            status: .badGateway,
            message: "The worker was lost and the answer begins again: read it at /api/jobs/\(job), or try again.",
            type: "server_error", code: "stream_restarted")
    }

    /// The piece that tells the tokens used, when the backend did not send one.
    private func usage(_ result: JobResult) -> JSONOutput {
        let (prompt, completion) = (Int64(result.promptTokens ?? 0), Int64(result.completionTokens ?? 0))
        return [
            "id": .string("job-\(job)"),
            "object": asked.kind == .chat ? "chat.completion.chunk" : "text_completion",
            "created": 0, "model": .string(asked.model), "choices": [],
            "usage": [
                "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
                "total_tokens": .integer(prompt + completion),
            ],
        ]
    }

    private static func hasUsage(_ chunk: [UInt8]) -> Bool {
        var scanner = JSONScanner(selecting: [["usage"]])
        do throws(JSONScanError) { try scanner.scan(chunk.span) } catch { return false }
        return scanner[0]?.kind == .object
    }

    private static func event(_ json: JSONOutput) -> ByteBuffer {
        var bytes: [UInt8] = []
        json.append(to: &bytes)
        var buffer = ByteBuffer()
        append(bytes, to: &buffer)
        return buffer
    }

    private static func append(_ json: [UInt8], to buffer: inout ByteBuffer) {
        buffer.writeString("data: ")
        // A line break in an event would end its line; in JSON it stands only between tokens.
        buffer.writeBytes(json.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        buffer.writeString("\n\n")
    }
}
