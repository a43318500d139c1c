package import Domain
package import Postgres

/// A batch opened for loading.
package struct OpenedBatch: Sendable {
    package var batch: Int32
    /// How many lines were loaded already.
    package var loaded: Int32
    /// Whether it was begun by an earlier submission of the same input.
    package var resumed: Bool
    /// Whether lines are still to be loaded.
    package var isLoading: Bool
}

/// A batch with its counts as of now.
package struct BatchProgress: Sendable {
    /// Life of a batch.
    package enum State: String, Sendable, CaseIterable {
        /// Its file is to be read; nothing is queued yet.
        case validating
        case loading
        case running
        case cancelling
        /// Every request has ended, or is told to; its files are to be written.
        case finalizing
        case completed
        case cancelled
        /// Its file had lines that cannot be sent; nothing was queued.
        case failed
        /// Its window ended before it did.
        case expired

        /// Whether it has ended.
        package var isTerminal: Bool {
            switch self {
            case .completed, .cancelled, .failed, .expired: true
            case .validating, .loading, .running, .cancelling, .finalizing: false
            }
        }
    }

    package var batch: Int32
    package var name: String
    package var kind: JobKind
    package var state: State
    package var total: Int32
    package var loaded: Int32
    package var succeeded: Int32
    package var failed: Int32
    package var cancelled: Int32
    package var expired: Int32
    package var quarantined: Int32
    package var createdAt: Timestamp
    package var loadedAt: Timestamp?
    package var endedAt: Timestamp?

    /// Jobs that have ended, in whatever way.
    package var done: Int32 { succeeded + failed + cancelled + expired + quarantined }
}

/// One line of a batch with its result, if it has one yet.
package struct BatchResult: Sendable {
    package var job: Int64
    package var customID: String
    /// Nil: not ended yet.
    package var state: JobState?
    package var attempt: Int16?
    package var errorClass: ErrorClass?
    package var errorMessage: String?
    /// The answer, or the upstream's error, UTF-8 JSON.
    package var body: [UInt8]?
}

/// What the jobs of one model in a chunk are loaded with.
package struct ChunkModel: Sendable {
    package var name: String
    package var model: Int32
    package var tenant: Int32
    package var maximumAttempts: Int16
    /// The fair key of the first; the others follow `keyStep` apart.
    package var key: Int64
    package var keyStep: Int64
    /// When the batch's window ends; nil: it has none.
    package var deadline: Timestamp?
    /// Whether an experiment draws for its jobs.
    package var hasExperiment: Bool
}

/// Ids for the jobs of a chunk, and what else the database decides for all of them.
package struct ReservedJobs: Sendable {
    /// Rising.
    package var ids: [Int64]
    /// The hash bucket of each of `ids`.
    package var buckets: [Int16]
    /// The slot of `sluice.ready` to write to.
    package var ring: Int16
    /// When the jobs were accepted.
    package var createdAt: Timestamp
}

extension Queue {
    private static let createStatement = Statement(
        "batch_create",
        "select * from sluice.batch_create($1::text, $2::text::sluice.job_kind, $3::text, $4::int, $5::text)")
    private static let unknownModelsStatement = Statement(
        "unknown_models", "select * from sluice.unknown_models($1::text[])")
    private static let chunkBeginStatement = Statement(
        "batch_chunk_begin", "select * from sluice.batch_chunk_begin($1::int, $2::text[], $3::int[], $4::int)")
    private static let reserveStatement = Statement("reserve_jobs", "select * from sluice.reserve_jobs($1::int)")
    private static let chunkEndStatement = Statement(
        "batch_chunk_end", "select sluice.batch_chunk_end($1::int, $2::int, $3::int, $4::bigint, $5::bigint, $6::int[])"
    )
    private static let assignChunkStatement = Statement(
        "assign_chunk", "select * from sluice.assign_chunk($1::int, $2::bigint, $3::bigint, $4::bigint[])")
    private static let chunkRefuseStatement = Statement(
        "batch_chunk_refuse",
        "select sluice.batch_chunk_refuse($1::int, $2::bigint[], $3::text[], $4::text[], $5::json[])")
    private static let progressStatement = Statement("batch_progress", "select * from sluice.batch_progress($1)")
    private static let listBatchesStatement = Statement("list_batches", "select * from sluice.list_batches($1)")
    private static let resultsStatement = Statement("batch_results", "select * from sluice.batch_results($1, $2, $3)")
    private static let cancelBatchStatement = Statement("batch_cancel", "select sluice.batch_cancel($1)")

    /// The columns of `sluice.job` that a chunk is copied into, in the order of its rows.
    package static let loadedJobColumns = """
        id, key, created_at, deadline_at, model_id, tenant_id, batch_id, kind, priority, max_attempts, custom_id, payload
        """

    /// The columns of `sluice.ready` that a chunk is copied into, in the order of its rows.
    package static let loadedReadyColumns = "key, id, model_id, tenant_id, batch_id, priority, bucket, ring"

    /// What takes the rows of `sluice.job`.
    package static let copyJobsSQL = "copy sluice.job (\(loadedJobColumns)) from stdin (format binary)"

    /// What takes the rows of `sluice.ready`, straight into the slot that was reserved: through `sluice.ready` a row takes a
    /// third more of the server's time.
    package static func copyReadySQL(into reserved: ReservedJobs) -> String {
        "copy sluice.ready_\(reserved.ring) (\(loadedReadyColumns)) from stdin (format binary)"
    }

    /// Which of `names` are no models, and some models there are.
    package func unknownModels(among names: [String]) async throws(QueueError) -> (names: [String], known: [String]) {
        let rows = try await call(Self.unknownModelsStatement) { $0.append(names) }
        return try first(of: rows) { row throws(PostgresError) in (try row.decode(0), try row.decode(1)) }
    }

    /// Opens a batch of `total` jobs, or takes up the unfinished one of the same digest.
    package func openBatch(
        name: String, kind: JobKind, digest: String, total: Int32, tenant: String = "default"
    ) async throws(QueueError) -> OpenedBatch {
        let rows = try await call(Self.createStatement) {
            $0.append(name)
            $0.append(kind.rawValue)
            $0.append(digest)
            $0.append(total)
            $0.append(tenant)
        }
        return try first(of: rows) { row throws(PostgresError) in
            let state: BatchProgress.State = try row.decodeWord(2)
            return OpenedBatch(
                batch: try row.decode(0), loaded: try row.decode(1), resumed: try row.decode(3),
                isLoading: state == .loading)
        }
    }

    /// Opens a chunk, inside the caller's transaction; the caller then reserves ids, copies its jobs with `copyJobsSQL` and
    /// `copyReadySQL`, and ends it.
    ///
    /// - Throws: `batchClosed` when somebody cancelled or finished loading the batch, `unknownModel`.
    package func beginChunk(
        batch: Int32, models: [(name: String, jobs: Int32)], priority: Priority
    ) async throws(QueueError) -> [ChunkModel] {
        let rows = try await call(Self.chunkBeginStatement) {
            $0.append(batch)
            $0.append(models.map(\.name))
            $0.append(models.map(\.jobs))
            $0.append(Int32(priority.rawValue))
        }
        return try decoding { () throws(PostgresError) in
            var found: [ChunkModel] = []
            for row in rows {
                found.append(
                    ChunkModel(
                        name: try row.decode(0), model: try row.decode(1), tenant: try row.decode(2),
                        maximumAttempts: try row.decode(3), key: try row.decode(4), keyStep: try row.decode(5),
                        deadline: try row.decode(6), hasExperiment: try row.decode(7)))
            }
            return found
        }
    }

    /// Hands out ids for `count` jobs, above all ids handed out before.
    ///
    /// The next chunk of a batch may be opened, on another connection, once this one has its ids.
    package func reserveJobs(_ count: Int32) async throws(QueueError) -> ReservedJobs {
        let rows = try await call(Self.reserveStatement) { $0.append(count) }
        return try first(of: rows) { row throws(PostgresError) in
            ReservedJobs(
                ids: try row.decode(0), buckets: try row.decode(1), ring: try row.decode(2),
                createdAt: try row.decode(3))
        }
    }

    /// Gives the jobs of a chunk, which was copied with `copyJobsSQL`, the arms of their models' experiments.
    ///
    /// - Parameter refused: those of them that are not to run.
    /// - Returns: `reserved`, with the lanes of arms in place of the buckets.
    package func assign(
        _ reserved: ReservedJobs, of batch: Int32, without refused: [Int64]
    ) async throws(QueueError) -> ReservedJobs {
        guard let first = reserved.ids.first, let last = reserved.ids.last else { return reserved }
        let rows = try await call(Self.assignChunkStatement) {
            $0.append(batch)
            $0.append(first)
            $0.append(last)
            $0.append(refused)
        }
        return try decoding { () throws(PostgresError) in
            var lanes: [Int64: Int16] = [:]
            for row in rows { lanes[try row.decode(0)] = try row.decode(1) as Int16 }
            var assigned = reserved
            for (place, id) in reserved.ids.enumerated() {
                if let lane = lanes[id] { assigned.buckets[place] = lane }
            }
            return assigned
        }
    }

    /// Ends jobs of the chunk that is being copied which are not to run, as failed without an attempt: they were copied with
    /// `copyJobsSQL` only.
    package func refuse(
        _ jobs: [(job: Int64, errorClass: ErrorClass, message: String, body: [UInt8])], of batch: Int32
    ) async throws(QueueError) {
        _ = try await call(Self.chunkRefuseStatement) {
            $0.append(batch)
            $0.append(jobs.map(\.job))
            $0.append(jobs.map(\.errorClass.rawValue))
            $0.append(jobs.map(\.message))
            $0.append(jobs.map { JSONText($0.body) })
        }
    }

    /// Records a chunk that was copied; its jobs run when the caller's transaction commits. Returns the lines loaded so far.
    ///
    /// - Parameters:
    ///   - ids: the first and the last of the chunk.
    ///   - models: the models of the chunk, whose workers are woken.
    /// - Throws: `batchClosed` when these lines are loaded already, or somebody cancelled the batch.
    package func endChunk(
        batch: Int32, firstLine: Int32, lines: Int32, ids: ClosedRange<Int64>, models: [Int32]
    ) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.chunkEndStatement) {
            $0.append(batch)
            $0.append(firstLine)
            $0.append(lines)
            $0.append(ids.lowerBound)
            $0.append(ids.upperBound)
            $0.append(models)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// A batch with its counts as of now; nil if there is none.
    package func progress(of batch: Int32) async throws(QueueError) -> BatchProgress? {
        let rows = try await call(Self.progressStatement) { $0.append(batch) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return try BatchProgress(row)
        }
    }

    /// The newest batches, at most 1,000.
    package func batches(limit: Int32) async throws(QueueError) -> [BatchProgress] {
        let rows = try await call(Self.listBatchesStatement) { $0.append(limit) }
        return try decoding { () throws(PostgresError) in
            var found: [BatchProgress] = []
            for row in rows { found.append(try BatchProgress(row)) }
            return found
        }
    }

    /// A page of the results of a batch in the order of its lines: those after the job `after`.
    package func results(of batch: Int32, after: Int64, limit: Int32) async throws(QueueError) -> [BatchResult] {
        let rows = try await call(Self.resultsStatement) {
            $0.append(batch)
            $0.append(after)
            $0.append(limit)
        }
        return try decoding { () throws(PostgresError) in
            var found: [BatchResult] = []
            found.reserveCapacity(rows.count)
            for row in rows {
                let body: JSONText? = try row.decode(6)
                found.append(
                    BatchResult(
                        job: try row.decode(0), customID: try row.decode(1), state: try row.decodeOptionalWord(2),
                        attempt: try row.decode(3), errorClass: try row.decodeOptionalWord(4),
                        errorMessage: try row.decode(5), body: body?.utf8))
            }
            return found
        }
    }

    /// Cancels what of a batch has not ended, and returns how many had not started.
    package func cancelBatch(_ batch: Int32) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.cancelBatchStatement) { $0.append(batch) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }
}

extension BatchProgress {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            batch: try row.decode(0), name: try row.decode(1), kind: try row.decodeWord(2),
            state: try row.decodeWord(3),
            total: try row.decode(4), loaded: try row.decode(5), succeeded: try row.decode(6),
            failed: try row.decode(7),
            cancelled: try row.decode(8), expired: try row.decode(9), quarantined: try row.decode(10),
            createdAt: try row.decode(11), loadedAt: try row.decode(12), endedAt: try row.decode(13))
    }
}
