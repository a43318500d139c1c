import Queue

/// Pieces of answers on their way from the backend to the database. Pure.
///
/// Bounded: when the database is away for long, a stream is cut where the buffer was full, and what follows of that attempt
/// is dropped, so that readers have a beginning without gaps. The result has the whole answer in any case.
struct ChunkBuffer {
    /// The most bytes that wait.
    static let maximumBytes = 32 << 20
    /// About the most bytes of one statement.
    static let statementBytes = 1 << 20
    /// The most pieces of one statement.
    static let statementChunks = 1_000

    private struct Stream {
        var place: ChunkPlace
        var isCut = false
    }

    private var streams: [Int64: Stream] = [:]
    private var waiting: [AnswerChunk] = []
    private var bytes = 0
    /// Pieces that were dropped.
    private(set) var dropped = 0

    /// Whether nothing waits.
    var isEmpty: Bool { waiting.isEmpty }

    /// An attempt begins to stream.
    mutating func began(_ job: Int64, attempt: Int16) {
        streams[job] = Stream(place: ChunkPlace(attempt: attempt))
    }

    /// The backend sent a piece. Returns whether it is the first to wait.
    mutating func arrived(_ job: Int64, _ body: [UInt8]) -> Bool {
        guard var stream = streams[job] else { return false }
        defer { streams[job] = stream }
        if bytes + body.count > Self.maximumBytes { stream.isCut = true }
        guard !stream.isCut else {
            dropped += 1
            return false
        }
        stream.place.sequence += 1
        waiting.append(AnswerChunk(job: job, place: stream.place, body: body))
        bytes += body.count
        return waiting.count == 1
    }

    /// The attempt goes on as another, whose readers have not had its beginning: they are to have the result only.
    mutating func cut(_ job: Int64) { streams[job]?.isCut = true }

    /// The attempt is over; its last pieces may still wait.
    mutating func ended(_ job: Int64) { streams[job] = nil }

    /// Everything that waits, in the order it came, cut into statements.
    mutating func take() -> [[AnswerChunk]] {
        var statements: [[AnswerChunk]] = []
        var statement: [AnswerChunk] = []
        var size = 0
        for chunk in waiting {
            if statement.count == Self.statementChunks || size + chunk.body.count > Self.statementBytes,
                !statement.isEmpty
            {
                statements.append(statement)
                statement = []
                size = 0
            }
            statement.append(chunk)
            size += chunk.body.count
        }
        if !statement.isEmpty { statements.append(statement) }
        waiting.removeAll(keepingCapacity: true)
        bytes = 0
        return statements
    }
}
