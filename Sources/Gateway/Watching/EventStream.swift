import HTTPTypes
import Hummingbird
import NIOCore
import Queue

/// How what happens to a job is told as events.
protocol EventForm: Sendable {
    /// A piece of its answer.
    func piece(_ chunk: AnswerChunk) -> ServerSentEvent
    /// A later attempt makes void what was told: what is said of it, and whether the stream goes on.
    func restart(_ place: ChunkPlace) -> (event: ServerSentEvent, goesOn: Bool)
    /// The job has ended, and `last` is the last piece this stream told, if it told any.
    func end(after place: ChunkPlace, last: AnswerChunk?) async throws -> [ServerSentEvent]
}

/// What happens to one job from some place on, until it has ended. A client that leaves changes nothing for the job.
struct EventStream<Form: EventForm>: Sendable {
    let queue: Queue
    let watch: JobWatch
    let job: Int64
    let form: Form

    /// How long nothing may be said before a comment is.
    private var silence: Duration { .seconds(15) }

    func response(after place: ChunkPlace, for channel: any Channel, _ departures: Departures) -> Response {
        let left = Left()
        let ticket = departures.watch(channel) { [watch, job] in
            left.now()
            watch.nudge(job)
        }
        let body = ResponseBody { writer in
            defer { departures.forget(ticket, of: channel) }
            var (place, last) = (place, AnswerChunk?.none)
            var written = ContinuousClock.now
            while !left.hasLeft {
                let mark = watch.mark
                let page = try await queue.readChunks(of: job, after: place)
                var buffer = ByteBuffer()
                if page.isEnd {
                    for event in try await form.end(after: place, last: last) { event.write(to: &buffer) }
                    try await writer.write(buffer)
                    break
                }
                guard write(page, &place, &last, to: &buffer) else {
                    try await writer.write(buffer)
                    break
                }
                if buffer.readableBytes == 0 {
                    await watch.news(of: job, since: mark)
                    guard ContinuousClock.now - written >= silence else { continue }
                    buffer.writeString(":\n\n")
                }
                try await writer.write(buffer)
                written = .now
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: .eventStream, body: body)
    }

    /// Writes a page; false: the stream ends with it.
    private func write(
        _ page: ChunkPage, _ place: inout ChunkPlace, _ last: inout AnswerChunk?, to buffer: inout ByteBuffer
    ) -> Bool {
        for chunk in page.chunks {
            if place.attempt > 0, chunk.place.attempt > place.attempt {
                let restart = form.restart(ChunkPlace(attempt: chunk.place.attempt))
                restart.event.write(to: &buffer)
                if !restart.goesOn { return false }
            }
            (place, last) = (chunk.place, chunk)
            form.piece(chunk).write(to: &buffer)
        }
        return true
    }
}

extension HTTPFields {
    /// The head of a stream of events, which nothing on the way is to hold back.
    static var eventStream: HTTPFields {
        [.contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no"]
    }
}
