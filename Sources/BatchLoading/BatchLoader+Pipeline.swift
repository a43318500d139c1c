import Domain
import Postgres
import Queue

extension BatchLoader {
    /// Loads every chunk of `reader` after the first `loaded` requests.
    ///
    /// Three chunks are in hand at a time: two are being copied, one is made. They go through the same steps, each step in
    /// the order of the file: so the ids of a chunk lie above those of the one before, no line is ever loaded before
    /// another of an earlier chunk, and one table is copied to while the other chunk is at the other. Two that copied to one
    /// table at a time would be in each other's way at its last pages: they took nearly twice the processor's time.
    ///
    /// - Throws: `QueueError` with `batchClosed` when somebody else loads the batch, too, or closed it.
    func pipeline(
        _ reader: ChunkReader, after loaded: Int, into batch: Int32, kind: JobKind, _ tell: (Event) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Int32.self) { group in
            var steps = Steps.over
            var (number, running) = (0, 0)
            var chunk = try await Self.parsing {
                await reader.skip(to: loaded)
                return try await reader.next()
            }
            while let current = chunk {
                if running == connections.count, let loaded = try await group.next() {
                    running -= 1
                    tell(.loaded(loaded))
                }
                let place = Place(
                    connection: connections[number % connections.count], batch: batch, kind: kind, previous: steps)
                (steps, number, running) = (place.steps, number + 1, running + 1)
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
        /// Of the chunk before.
        let previous: Steps
        let steps = Steps()
    }

    /// What is done with a chunk, in this order; each ends when it is over.
    private struct Steps: Sendable {
        var reserved = Turn()
        var storedJobs = Turn()
        var queuedJobs = Turn()
        var committed = Turn()

        /// Of what comes before the first chunk.
        static var over: Steps {
            Steps(reserved: .over, storedJobs: .over, queuedJobs: .over, committed: .over)
        }
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
            try await place.previous.reserved.wait()
            let loaded = try await place.connection.transaction { connection in
                try await copy(chunk, at: place, connection)
            }
            for pass in chunk.passes { pass.queued() }
            place.steps.committed.end()
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
        var reserved = try await queue.reserveJobs(Int32(chunk.count))
        place.steps.reserved.end()
        guard let first = reserved.ids.first, let last = reserved.ids.last else { return Int32(chunk.firstLine) }
        try await place.previous.storedJobs.wait()
        let jobs = try await connection.copyIn(Queue.copyJobsSQL) { writer in
            try await chunk.copyJobs(
                batch: place.batch, kind: place.kind, priority: priority, opened: opened, reserved: reserved
            ) { try await writer.write($0) }
        }
        place.steps.storedJobs.end()
        if opened.contains(where: \.hasExperiment) {
            let refused = chunk.refusals.map { reserved.ids[$0.row] }
            reserved = try await queue.assign(reserved, of: place.batch, without: refused)
        }
        let rows = try chunk.readyRows(batch: place.batch, priority: priority, opened: opened, reserved: reserved)
        try await place.previous.queuedJobs.wait()
        let ready = try await connection.copyIn(Queue.copyReadySQL(into: reserved)) { try await $0.write(rows) }
        place.steps.queuedJobs.end()
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
        try await place.previous.committed.wait()
        return try await queue.endChunk(
            batch: place.batch, firstLine: Int32(chunk.firstLine), lines: Int32(chunk.count), ids: first...last,
            models: opened.map(\.model))
    }
}
