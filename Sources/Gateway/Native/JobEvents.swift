import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Queue

/// What happens to one job, as server-sent events: `chunk` with each piece of its answer, `restart` when a new attempt makes
/// what was read void, `end` with the job when it has ended. Every id can be given as `Last-Event-ID`. While nothing happens,
/// comments keep the connection from being taken for dead.
struct JobEvents: Sendable {
    let queue: Queue
    let watch: JobWatch
    let job: Int64

    private static let silence = Duration.seconds(15)

    /// The place an id stands for; the start for an empty one; nil for one that never was sent.
    static func place(_ id: String) -> ChunkPlace? {
        if id.isEmpty { return .start }
        let words = id.split(separator: "-")
        guard words.count == 2, let attempt = Int16(words[0]), let sequence = Int32(words[1]), attempt >= 0,
            sequence >= 0
        else { return nil }
        return ChunkPlace(attempt: attempt, sequence: sequence)
    }

    func response(after place: ChunkPlace, for channel: any Channel, _ departures: Departures) -> Response {
        let left = Left()
        let ticket = departures.watch(channel) { [watch, job] in
            left.now()
            watch.nudge(job)
        }
        let body = ResponseBody { writer in
            defer { departures.forget(ticket, of: channel) }
            var place = place
            var written = ContinuousClock.now
            while !left.hasLeft {
                let mark = watch.mark
                let page = try await queue.readChunks(of: job, after: place)
                if page.isEnd {
                    try await writer.write(try await end(place))
                    break
                }
                var buffer = ByteBuffer()
                for chunk in page.chunks {
                    if place.attempt > 0, chunk.place.attempt > place.attempt {
                        Self.append(
                            "restart", ChunkPlace(attempt: chunk.place.attempt), Array(#"{}"#.utf8), to: &buffer)
                    }
                    place = chunk.place
                    Self.append("chunk", place, chunk.body, to: &buffer)
                }
                if buffer.readableBytes == 0 {
                    await watch.news(of: job, since: mark)
                    guard ContinuousClock.now - written >= Self.silence else { continue }
                    buffer.writeString(":\n\n")
                }
                try await writer.write(buffer)
                written = .now
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no"], body: body)
    }

    private func end(_ place: ChunkPlace) async throws -> ByteBuffer {
        let status = try await queue.status(of: [job]).first
        let result = try await queue.results(of: [job]).first
        var bytes: [UInt8] = []
        (status?.document(result: result) ?? .null).append(to: &bytes)
        var buffer = ByteBuffer()
        Self.append("end", place, bytes, to: &buffer)
        return buffer
    }

    private static func append(_ name: String, _ place: ChunkPlace, _ json: [UInt8], to buffer: inout ByteBuffer) {
        buffer.writeString("event: \(name)\nid: \(place.attempt)-\(place.sequence)\ndata: ")
        // A line break in an event would end its line; in JSON it stands only between tokens.
        buffer.writeBytes(json.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        buffer.writeString("\n\n")
    }
}
