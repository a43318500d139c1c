import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Queue

/// What happens to one job, as server-sent events: `chunk` with each piece of its answer, `restart` when a new attempt makes
/// what was read void, `end` with the job when it has ended. Every id can be given as `Last-Event-ID`. While nothing happens,
/// comments keep the connection from being taken for dead.
struct JobEvents: EventForm {
    let queue: Queue
    let watch: JobWatch
    let job: Int64

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
        EventStream(queue: queue, watch: watch, job: job, form: self).response(after: place, for: channel, departures)
    }

    func piece(_ chunk: AnswerChunk) -> ServerSentEvent {
        ServerSentEvent(chunk.body, name: "chunk", id: Self.id(chunk.place))
    }

    func restart(_ place: ChunkPlace) -> (event: ServerSentEvent, goesOn: Bool) {
        (ServerSentEvent([:], name: "restart", id: Self.id(place)), true)
    }

    func end(after place: ChunkPlace, last: AnswerChunk?) async throws -> [ServerSentEvent] {
        let status = try await queue.status(of: [job]).first
        let result = try await queue.results(of: [job]).first
        return [ServerSentEvent(status?.document(result: result) ?? .null, name: "end", id: Self.id(place))]
    }

    private static func id(_ place: ChunkPlace) -> String { "\(place.attempt)-\(place.sequence)" }
}
