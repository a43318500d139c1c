package import BatchFile
package import Domain
package import Postgres
package import Queue

/// Brings the requests of a batch file into the queue, as one batch.
///
/// Chunk by chunk, each in a transaction of its own, so that the first requests run while the last are still being read,
/// and a loader that was killed is taken up where its last chunk ended. Two loaders of one file at a time help each other.
/// Memory is bounded by three chunks, one line, and what the check keeps of each line: the hash of its id and its place.
package struct BatchLoader: Sendable {
    /// What is not in the file.
    package struct Options: Sendable {
        /// What people call the batch.
        package var name: String
        /// The owner of the jobs.
        package var tenant = "default"
        /// How urgent they are.
        package var priority = Priority.batch
        /// Whether lines that cannot be sent are left out instead of stopping everything.
        package var skipsInvalid = false
        /// Requests of a chunk.
        package var chunkLines = 10_000
        /// Bytes after which a chunk ends.
        package var chunkBytes = 8 << 20
        /// Who judges lines before they are queued; nil: all are.
        package var gate: (any LineGate)?

        package init(name: String) { self.name = name }
    }

    /// What there is to tell while it works.
    package enum Event: Sendable {
        /// The batch has its number; `loaded` of its requests are queued already.
        case opened(batch: Int32, loaded: Int32, resumed: Bool)
        /// So many of its requests are queued.
        case loaded(Int32)
    }

    let connections: [Connection]
    let options: Options

    /// A loader that has `connection` to itself while it works.
    ///
    /// With a second connection the server ends a chunk while it takes in the next one, which is half as fast again.
    package init(_ connection: Connection, second: Connection? = nil, options: Options) {
        connections = [connection] + (second.map { [$0] } ?? [])
        self.options = options
    }

    /// Reads the whole of `file` and says what is in it; the database is not asked. `progress` gets the bytes read so far.
    package func check(
        _ file: BatchFile, progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws -> BatchSummary {
        // Reading blocks and parsing takes its time: neither belongs on the loop of the database.
        try await withTaskExecutorPreference(globalConcurrentExecutor) { try await file.check(progress: progress) }
    }

    /// Loads `file`, of which `check` returned `summary`, or the rest of it when a loader before this one was stopped.
    ///
    /// - Returns: the batch. All of it is queued.
    /// - Throws: `BatchLoadingError`; `QueueError`, `PostgresError` and `BatchFileError` when the database or the file are
    ///   not there any more. Whatever was loaded stays, and the same call goes on after it; only with `fileChanged` the
    ///   batch is cancelled.
    package func load(
        _ file: BatchFile, _ summary: BatchSummary, tell: (Event) -> Void = { _ in }
    ) async throws -> Int32 {
        guard let kind = summary.kind, summary.lines > 0, summary.isValid || options.skipsInvalid else {
            throw BatchLoadingError(
                .invalidLines, "\(file.path) has \(summary.problemCount) lines that cannot be sent.",
                hint: summary.lines > 0 ? "Mend them, or leave them out with --skip-invalid." : nil)
        }
        try await checkModels(of: file, summary)
        let opened = try await Queue(connections[0]).openBatch(
            name: options.name, kind: kind, digest: digest(of: summary), total: Int32(clamping: summary.lines),
            tenant: options.tenant)
        tell(.opened(batch: opened.batch, loaded: opened.loaded, resumed: opened.resumed))
        try await load(file, summary, into: opened, kind: kind, tell: tell)
        return opened.batch
    }

    /// Loads what is not loaded yet of `file` into a batch that is there, or as much as the gate lets in. See
    /// `load(_:_:tell:)`.
    package func load(
        _ file: BatchFile, _ summary: BatchSummary, into opened: OpenedBatch, kind: JobKind,
        tell: (Event) -> Void = { _ in }
    ) async throws {
        guard opened.isLoading else { return }
        do {
            try await load(file, summary, after: Int(opened.loaded), into: opened.batch, kind: kind, tell)
        } catch let error as BatchLoadingError where error.code == .fileChanged {
            // Half of one file and half of another would run: better none of it.
            _ = try await Queue(connections[0]).cancelBatch(opened.batch)
            throw BatchLoadingError(
                .fileChanged, error.message + " Batch \(opened.batch) was cancelled.", hint: error.hint)
        }
    }

    /// Loads what comes after the first `loaded` requests, until all is loaded, by whomever.
    private func load(
        _ file: BatchFile, _ summary: BatchSummary, after loaded: Int, into batch: Int32, kind: JobKind,
        _ tell: (Event) -> Void
    ) async throws {
        var loaded = loaded
        while true {
            let reader = ChunkReader(
                file, summary,
                bounds: .init(lines: options.chunkLines, bytes: options.chunkBytes), gate: options.gate)
            do {
                try await pipeline(reader, after: loaded, into: batch, kind: kind, tell)
                return
            } catch let error as QueueError where error.code == .batchClosed {
                // Another loader of the same file, or the last transaction of one that was killed, was faster.
                guard let progress = try await Queue(connections[0]).progress(of: batch) else {
                    throw BatchLoadingError(.notFound, "There is no batch \(batch) any more.")
                }
                if progress.loaded == Int32(clamping: summary.lines) { return }
                guard progress.state == .loading else {
                    throw BatchLoadingError(.cancelled, "Batch \(batch) was cancelled while it was being loaded.")
                }
                loaded = Int(progress.loaded)
                tell(.loaded(progress.loaded))
            }
        }
    }

    /// Succeeds when there is every model the file asks for.
    ///
    /// - Throws: `BatchLoadingError` with `unknownModels`.
    package func checkModels(of file: BatchFile, _ summary: BatchSummary) async throws {
        let models = summary.models.filter { $0.value > 0 }.keys
        let missing = try await Queue(connections[0]).unknownModels(among: Array(models))
        guard !missing.names.isEmpty else { return }
        let listed = missing.names.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
        let more = missing.names.count > 5 ? " and \(missing.names.count - 5) more" : ""
        throw BatchLoadingError(
            .unknownModels,
            missing.names.count == 1
                ? "There is no model named \(listed), which \(file.path) asks for."
                : "There are no models named \(listed)\(more), which \(file.path) asks for.",
            hint: missing.known.isEmpty
                ? "No model is known yet: add one with sluice.put_model and sluice.put_deployment."
                : "Known models: \(missing.known.joined(separator: ", ")).")
    }

    /// What an interrupted submission is recognised by: the file, and what is done with it.
    ///
    /// The tenant is compared by the database.
    private func digest(of summary: BatchSummary) -> String {
        summary.index.digest + " priority=\(options.priority.rawValue)"
            + (options.skipsInvalid ? " skip-invalid" : "")
    }
}
