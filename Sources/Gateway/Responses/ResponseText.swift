import Domain
import Queue

extension ChunkPlace {
    /// More pieces than an attempt has.
    private static let attemptStride: Int64 = 10_000_000

    /// The piece's number in the events of the Responses API: counts from 0, and jumps with each attempt, so that it tells
    /// where a reader is.
    var sequenceNumber: Int64 { Int64(attempt - 1) * Self.attemptStride + Int64(sequence) - 1 }

    /// The place of the piece with that number; nil: there is none.
    init?(sequenceNumber: Int64) {
        guard sequenceNumber >= 0, let attempt = Int16(exactly: sequenceNumber / Self.attemptStride + 1) else {
            return nil
        }
        self.init(attempt: attempt, sequence: Int32(sequenceNumber % Self.attemptStride) + 1)
    }
}

/// What of a response, and of the events it comes in, is ours and not the backend's. Pure.
enum ResponseText {
    /// A response under the id by which it is found here.
    static func identified(_ body: [UInt8], as job: Int64) -> [UInt8] {
        JSONPatch.apply([(["id"], .string(PublicID.response.text(job)))], to: body)
    }

    /// A piece of a streamed response: under our id, and numbered so that a reader can go on after it.
    static func event(_ chunk: AnswerChunk) -> ServerSentEvent {
        ServerSentEvent(
            JSONPatch.apply(
                [
                    (["sequence_number"], .integer(chunk.place.sequenceNumber)),
                    (["response", "id"], .string(PublicID.response.text(chunk.job))),
                ], to: chunk.body), name: kind(of: chunk))
    }

    /// Whether a piece is the last of a response.
    static func isLast(_ chunk: AnswerChunk) -> Bool {
        ["response.completed", "response.incomplete", "response.failed"].contains(kind(of: chunk))
    }

    /// What sort of event a piece is; nil when it does not say, or nothing that can be a name.
    private static func kind(of chunk: AnswerChunk) -> String? {
        var scanner = JSONScanner(selecting: [["type"]])
        do throws(JSONScanError) { try scanner.scan(chunk.body.span) } catch { return nil }
        guard let member = scanner[0], member.kind == .string else { return nil }
        let bytes = chunk.body[member.contents]
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard bytes.allSatisfy({ letters ~= $0 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
