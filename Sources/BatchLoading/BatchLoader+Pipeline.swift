import Domain
import Postgres
import Queue

extension BatchLoader {
    /// Loads every chunk of `reader` after the first `loaded` requests.
    ///
    /// Three chunks are in hand at a time: one is being ended, one copied, one made. A chunk is opened when the one before
    /// is copied, so that its ids lie above, and ended when the one before is committed, so that no line is ever loaded
    /// before another of an earlier chunk.
    ///
    /// - Throws: `QueueError` with `batchClosed` when somebody else loads the batch, too, or closed it.
    func pipeline(
        _ reader: ChunkReader, after loaded: Int, into batch: Int32, kind: JobKind, _ tell: (Event) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Int32.self) { group in
            var (copied, committed) = (Turn.over, Turn.over)
            var (number, running) = (0, 0)
            var chunk = try await Self.parsing {
                try await reader.skip(to: loaded)
                return try await reader.next()
            }
            while let current = chunk {
                if running == connections.count, let loaded = try await group.next() {
                    running -= 1
                    tell(.loaded(loaded))
                }
                let place = Place(
                    connection: connections[number % connections.count], batch: batch, kind: kind,
                    previousCopied: copied, previousCommitted: committed)
                (copied, committed) = (place.copied, place.committed)
                (number, running) = (number + 1, running + 1)
                group.addTask { try await copy(current, at: place) }
                chunk = try await Self.parsing { try await reader.next() }
            }
            for try await loaded in group { tell(.loaded(loaded)) }
        }
    }

    /// Where and when one chunk is loaded.
    private struct Place: Sendable {
        let connection: Connection
        let batch: Int32
        let kind: JobKind
        let previousCopied: Turn
        let previousCommitted: Turn
        let copied = Turn()
        let committed = Turn()
    }

    /// Runs `body`, which blocks, away from the loop of the database.
    private static func parsing(
        _ body: @escaping @Sendable () async throws -> PreparedChunk?
    ) async throws -> PreparedChunk? {
        try await withTaskExecutorPreference(globalConcurrentExecutor) { try await body() }
    }

    /// Queues a chunk and returns how many requests of the batch are queued then.
    private func copy(_ chunk: PreparedChunk, at place: Place) async throws -> Int32 {
        let priority = options.priority
        do {
            try await place.previousCopied.wait()
            let loaded = try await place.connection.transaction { connection in
                let queue = Queue(connection)
                let opened = try await queue.beginChunk(
                    batch: place.batch, models: zip(chunk.models, chunk.counts).map { (name: $0, jobs: $1) },
                    priority: priority)
                _ = try await connection.copyIn(Queue.copyChunkSQL) { writer in
                    try await chunk.copy(batch: place.batch, kind: place.kind, priority: priority, opened: opened) {
                        try await writer.write($0)
                    }
                }
                place.copied.end()
                try await place.previousCommitted.wait()
                return try await queue.endChunk(
                    batch: place.batch, firstLine: Int32(chunk.firstLine), lines: Int32(chunk.count),
                    afterID: opened.first?.afterID ?? 0, models: opened.map(\.model))
            }
            place.committed.end()
            return loaded
        } catch let error as PostgresError {
            throw QueueError(error)
        }
    }
}
