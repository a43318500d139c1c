import Domain
import Postgres
import Queue

extension BatchLoader {
    /// Loads every chunk of `reader` after the first `loaded` requests.
    ///
    /// Three chunks are in hand at a time: two are being copied, one is made. A chunk takes its ids when the one before has
    /// its own, so that they lie above, and is ended when the one before is committed, so that no line is ever loaded
    /// before another of an earlier chunk.
    ///
    /// - Throws: `QueueError` with `batchClosed` when somebody else loads the batch, too, or closed it.
    func pipeline(
        _ reader: ChunkReader, after loaded: Int, into batch: Int32, kind: JobKind, _ tell: (Event) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Int32.self) { group in
            var (reserved, committed) = (Turn.over, Turn.over)
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
                    previousReserved: reserved, previousCommitted: committed)
                (reserved, committed) = (place.reserved, place.committed)
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
        let previousReserved: Turn
        let previousCommitted: Turn
        let reserved = Turn()
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
        do {
            try await place.previousReserved.wait()
            let loaded = try await place.connection.transaction { connection in
                try await copy(chunk, at: place, connection)
            }
            for pass in chunk.passes { pass.queued() }
            place.committed.end()
            return loaded
        } catch let error as PostgresError {
            throw QueueError(error)
        }
    }

    private func copy(_ chunk: PreparedChunk, at place: Place, _ connection: Connection) async throws -> Int32 {
        let (queue, priority) = (Queue(connection), options.priority)
        let opened = try await queue.beginChunk(
            batch: place.batch, models: zip(chunk.models, chunk.counts).map { (name: $0, jobs: $1) }, priority: priority
        )
        let reserved = try await queue.reserveJobs(Int32(chunk.count))
        place.reserved.end()
        guard let first = reserved.ids.first, let last = reserved.ids.last else { return Int32(chunk.firstLine) }
        let jobs = try await connection.copyIn(Queue.copyJobsSQL) { writer in
            try await chunk.copyJobs(
                batch: place.batch, kind: place.kind, priority: priority, opened: opened, reserved: reserved
            ) { try await writer.write($0) }
        }
        let rows = try chunk.readyRows(batch: place.batch, priority: priority, opened: opened, reserved: reserved)
        let ready = try await connection.copyIn(Queue.copyReadySQL) { try await $0.write(rows) }
        guard jobs == chunk.count, ready == chunk.queuedCount else {
            throw BatchLoadingError(
                .rowsMissing,
                "Of \(chunk.count) lines \(jobs) were stored, and \(ready) of \(chunk.queuedCount) queued.")
        }
        if !chunk.refusals.isEmpty {
            try await queue.refuse(
                chunk.refusals.map {
                    (reserved.ids[$0.row], $0.refusal.errorClass, $0.refusal.message, $0.refusal.body)
                }, of: place.batch)
        }
        try await place.previousCommitted.wait()
        return try await queue.endChunk(
            batch: place.batch, firstLine: Int32(chunk.firstLine), lines: Int32(chunk.count), ids: first...last,
            models: opened.map(\.model))
    }
}
