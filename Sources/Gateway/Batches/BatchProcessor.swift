import BatchFile
import BatchLoading
import Domain
import Logging
import Postgres
import Queue
import ServiceLifecycle

/// Turns batches whose input is a file into jobs, and their results into files.
///
/// Whatever it does is done under a lease by one gateway at a time, and can be cut off at any point: another gateway (or
/// this one, started again) takes the batch up when the lease has lapsed. Lines are loaded exactly once because every chunk
/// commits with the number of lines before it; files are seen together with the batch's end. The results are written out
/// once rather than at every download, so that a file has a size, stays what it was, and is read like any other.
///
/// Lines are let in as single requests are (`BatchGate`). A batch for which there is no room goes on after the others that
/// wait for a lane; it is read anew then, at most every half a minute.
///
/// Memory per batch: three chunks of lines while loading, a page of results and a piece of each file while finalizing. The
/// input lies in a nameless file in the temporary folder meanwhile.
struct BatchProcessor: Service {
    let pool: Pool
    let queue: Queue
    let entrance: Entrance
    let limiter: Limiter
    let logger: Logger

    /// Batches worked on at a time.
    private static let lanes = 2
    /// How often a lane looks for work.
    private static let pause = Duration.milliseconds(500)
    private static let leaseSeconds: Int32 = 15

    /// The lease was lost: somebody else has the batch.
    private struct LeaseLost: Error {}

    /// The input is not there any more, or not all of it.
    private struct InputLost: Error {}

    func run() async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<Self.lanes { group.addTask { await work() } }
        }
    }

    private func work() async {
        var backoff = Backoff(initial: Self.pause, maximum: .seconds(10))
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            var pause = Self.pause
            do {
                if try await step() { pause = .zero }
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning("A batch could not be worked on; it is tried again.", metadata: ["error": "\(error)"])
                pause = backoff.next(using: &random)
            }
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    /// Does what there is to do for one batch; false: there is none.
    private func step() async throws -> Bool {
        guard let work = try await queue.claimBatchWork(forSeconds: Self.leaseSeconds) else { return false }
        try await withThrowingTaskGroup { group in
            group.addTask {
                if work.isFinalizing { try await finalize(work) } else { try await load(work) }
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: .seconds(Self.leaseSeconds / 3))
                    guard try await queue.renew(work, forSeconds: Self.leaseSeconds) else { throw LeaseLost() }
                }
            }
            defer { group.cancelAll() }
            do { try await group.next() } catch is LeaseLost {
                logger.info("A batch was taken up by another gateway.", metadata: ["batch": "\(work.batch)"])
            }
        }
        return true
    }

    // MARK: From the file to jobs

    private func load(_ work: BatchWork) async throws {
        let file: BatchFile
        do {
            file = try await stored(work)
        } catch is InputLost {
            // It does not come back, however often it is tried.
            return try await giveUp(
                work, [Self.problem("file_not_found", nil, "The input file is not there any more, or not all of it.")])
        }
        let summary = try await file.check()
        let limits = try await queue.limits(of: work.tenant, key: work.key)
        try await pool.withConnection { connection in
            var options = BatchLoader.Options(name: work.name)
            options.gate = BatchGate(entrance: entrance, limiter: limiter, limits: limits, tenant: work.tenant)
            let loader = BatchLoader(connection, options: options)
            let problems = try await problems(summary, file, work, loader)
            guard problems.isEmpty else { return try await giveUp(work, problems) }
            guard let opened = try await queue.validated(work, total: Int32(clamping: summary.lines)) else { return }
            do {
                try await loader.load(file, summary, into: opened, kind: work.kind)
            } catch let error as BatchLoadingError where error.code == .cancelled {
                logger.info("A batch was cancelled while it was being loaded.", metadata: ["batch": "\(work.batch)"])
            }
        }
        // What there was no room for waits for another turn.
        try await queue.putBack(work)
    }

    /// Ends a batch that cannot be loaded.
    private func giveUp(_ work: BatchWork, _ problems: [JSONOutput]) async throws {
        // Once it is loading it had no problems: a model or the file went away, and the rest cannot be sent.
        if try await queue.reject(work, errors: Self.json(problems)) || work.state == .validating { return }
        _ = try await queue.cancelBatch(work.batch)
    }

    /// The input on this host's disk, where it can be read as often as needed.
    ///
    /// - Throws: `InputLost`.
    private func stored(_ work: BatchWork) async throws -> BatchFile {
        try await BatchFile(storing: work.name) { write in
            for ordinal in 0..<work.inputPieces {
                guard let piece = try await queue.piece(ordinal, of: work.inputFile) else { throw InputLost() }
                try write(piece)
            }
        }
    }

    private func problems(
        _ summary: BatchSummary, _ file: BatchFile, _ work: BatchWork, _ loader: BatchLoader
    ) async throws -> [JSONOutput] {
        guard summary.isValid else {
            return summary.problems.map { Self.problem($0.code.rawValue, $0.line, $0.message) }
        }
        guard summary.kind == work.kind else {
            return [
                Self.problem(
                    BatchProblem.Code.mismatchedURL.rawValue, 1,
                    "`url` is \"\(summary.kind?.path ?? "")\", but the batch is for \"\(work.kind.path)\".")
            ]
        }
        do {
            try await loader.checkModels(of: file, summary)
            return []
        } catch let error as BatchLoadingError {
            return [Self.problem("model_not_found", nil, error.description)]
        }
    }

    private static func problem(_ code: String, _ line: Int?, _ message: String) -> JSONOutput {
        [
            "code": .string(code), "line": line.map { .integer(Int64($0)) } ?? .null, "message": .string(message),
            "param": nil,
        ]
    }

    private static func json(_ problems: [JSONOutput]) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONOutput.array(problems).append(to: &bytes)
        return bytes
    }

    // MARK: From results to files

    private func finalize(_ work: BatchWork) async throws {
        var (output, errors) = (BatchOutput(queue, work), BatchOutput(queue, work))
        do {
            var pages = BatchResults(queue, batch: work.batch).pages
            while let page = try await pages.next() {
                for result in page {
                    guard let line = BatchOutputLine(result) else { continue }
                    if line.isAnswer { try await output.append(line) } else { try await errors.append(line) }
                }
            }
            let unloaded = work.isCut ? try await appendUnloaded(of: work, to: &errors) : 0
            if try await queue.finalize(
                work, output: try await output.stored(), errors: try await errors.stored(), unloaded: unloaded)
            {
                return
            }
            logger.info("A batch is ended by somebody else.", metadata: ["batch": "\(work.batch)"])
        } catch {
            try await abandon(output, errors)
            throw error
        }
        try await abandon(output, errors)
    }

    /// Appends the lines that were not loaded before the batch was cancelled or its window ended, and returns how many.
    private func appendUnloaded(of work: BatchWork, to errors: inout BatchOutput) async throws -> Int32 {
        let input: BatchFile
        do {
            input = try await stored(work)
        } catch is InputLost {
            // The results are there, and are not to wait for lines nobody can read any more.
            logger.warning("The input of a batch is gone.", metadata: ["batch": "\(work.batch)"])
            return 0
        }
        let lines = UnloadedLines(input, loaded: Int(work.loaded), isCancelled: work.isCancelled)
        var count: Int32 = 0
        while let line = try await lines.next() {
            try await errors.append(line)
            count += 1
        }
        return count
    }

    private func abandon(_ output: BatchOutput, _ errors: BatchOutput) async throws {
        try await output.abandon()
        try await errors.abandon()
    }
}
