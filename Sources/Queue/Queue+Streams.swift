package import Domain
import Postgres

/// A place in the answer of a streaming job: everything up to it was read.
package struct ChunkPlace: Sendable, Hashable, Comparable {
    /// The attempt that makes the answer; 0 before the first.
    package var attempt: Int16
    /// The piece, counted from 1 in each attempt; 0 before the first.
    package var sequence: Int32

    package init(attempt: Int16 = 0, sequence: Int32 = 0) {
        self.attempt = attempt
        self.sequence = sequence
    }

    /// Before the first piece.
    package static let start = ChunkPlace()

    package static func < (a: ChunkPlace, b: ChunkPlace) -> Bool { (a.attempt, a.sequence) < (b.attempt, b.sequence) }
}

/// A piece of the answer of a streaming job.
package struct AnswerChunk: Sendable {
    package var job: Int64
    package var place: ChunkPlace
    /// One OpenAI chunk object, UTF-8 JSON.
    package var body: [UInt8]

    package init(job: Int64, place: ChunkPlace, body: [UInt8]) {
        self.job = job
        self.place = place
        self.body = body
    }
}

/// What there was to read of an answer.
package struct ChunkPage: Sendable {
    /// In order, all of one attempt. Where it is a later one than before, what was read before is void.
    package var chunks: [AnswerChunk]
    /// The state of the job, when there was nothing to read; if it is terminal, there never will be.
    package var state: JobState?

    /// Whether the job has ended and everything was read.
    package var isEnd: Bool { chunks.isEmpty && state?.isTerminal == true }
}

extension Queue {
    private static let appendStatement = Statement("append_chunks", "select sluice.append_chunks($1, $2, $3, $4)")
    private static let readStatement = Statement(
        "read_chunks", "select * from sluice.read_chunks($1, $2, $3, $4::int, $5::int)")
    /// The channel on which jobs with new pieces are named, separated by blanks; an empty message stands for any job.
    package static let chunkChannel = "sluice_chunk"

    /// Keeps pieces of answers; those that are there already are passed over.
    ///
    /// - Throws: `invalidData` when one of them cannot be stored; then none is.
    package func appendChunks(_ chunks: [AnswerChunk]) async throws(QueueError) {
        _ = try await call(Self.appendStatement) {
            $0.append(chunks.map(\.job))
            $0.append(chunks.map(\.place.attempt))
            $0.append(chunks.map(\.place.sequence))
            $0.append(chunks.map { JSONText($0.body) })
        }
    }

    /// Up to `limit` pieces of the answer of `job` after `place`.
    ///
    /// - Parameters:
    ///   - limit: 1 to 10,000.
    ///   - waiting: how long the caller will wait for a notification on `chunkChannel` if this read finds nothing.
    /// - Throws: `notFound`: no such job.
    package func readChunks(
        of job: Int64, after place: ChunkPlace, limit: Int32 = 1_000, waiting: Duration = .zero
    ) async throws(QueueError) -> ChunkPage {
        let rows = try await call(Self.readStatement) {
            $0.append(job)
            $0.append(place.attempt)
            $0.append(place.sequence)
            $0.append(limit)
            $0.append(Int32(clamping: waiting.wholeMilliseconds))
        }
        return try decoding { () throws(PostgresError) in try ChunkPage(rows, of: job) }
    }
}

extension ChunkPage {
    /// The page that `rows` of `read_chunks` are.
    init(_ rows: Rows, of job: Int64) throws(PostgresError) {
        chunks = []
        for row in rows {
            if row.isNull(0) {
                state = try row.decodeOptionalWord(3)
            } else {
                let body: JSONText = try row.decode(2)
                chunks.append(
                    AnswerChunk(
                        job: job, place: ChunkPlace(attempt: try row.decode(0), sequence: try row.decode(1)),
                        body: body.utf8))
            }
        }
    }
}
