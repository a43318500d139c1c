import Domain
import Queue

/// The events of the Responses API. A stream of them ends with the event that holds the whole response, or says why there is
/// none.
struct ResponseEvents: EventForm {
    let queue: Queue
    let job: Int64

    func piece(_ chunk: AnswerChunk) -> ServerSentEvent { ResponseText.event(chunk) }

    func restart(_ place: ChunkPlace) -> (event: ServerSentEvent, goesOn: Bool) {
        (ServerSentEvent(GatewayFailure.restarted("GET /v1/responses/\(PublicID.response.text(job))").json), false)
    }

    func end(after place: ChunkPlace, last: AnswerChunk?) async throws -> [ServerSentEvent] {
        if let last, ResponseText.isLast(last) { return [] }
        guard let status = try await queue.status(of: [job]).first else { return [] }
        let type = status.state == .succeeded ? "response.completed" : "response.failed"
        let number = place == .start ? 0 : place.sequenceNumber + 1
        return [
            ServerSentEvent(
                [
                    "type": .string(type), "sequence_number": .integer(number),
                    "response": status.response(try await queue.results(of: [job]).first),
                ], name: type)
        ]
    }
}
