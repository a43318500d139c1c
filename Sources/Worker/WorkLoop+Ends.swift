import Domain
import Logging
import Postgres
import Queue
import Synchronization

extension WorkLoop {
    /// The most ends of one call.
    static let endsPerCall = 500
    /// About the most bytes of answers of one call: a message of PostgreSQL's holds a gigabyte, and what one takes, all
    /// that ended with it waits for.
    static let bytesPerCall = 32 << 20
    /// How often an end is refused before it counts as one that can never be stored, where it is not plain from the refusal.
    private static let refusalsForGood = 3

    /// How many of `ends` to tell the database of in one call: at least one.
    static func portion(of ends: [AttemptResult]) -> Int {
        var bytes = 0
        for (index, end) in ends.enumerated() {
            bytes += end.body?.count ?? 0
            if index == endsPerCall || index > 0 && bytes > bytesPerCall { return index }
        }
        return ends.count
    }

    /// Tells the database how jobs ended, as many at a time as there are, and what came of streaming ones meanwhile, until
    /// the worker has drained.
    ///
    /// While the database is away the ends are kept: they are as many as the leases, no more.
    func finishJobs() async throws {
        var nextKeeping = Duration.zero
        while !Task.isCancelled {
            let ends = state.withLock { state in
                let ends = Array(state.ends.prefix(Self.portion(of: state.ends)))
                state.ends.removeFirst(ends.count)
                return ends
            }
            let hasChunks = chunks.withLock { !$0.isEmpty }
            if hasChunks, !ends.isEmpty || now >= nextKeeping {
                // From its beginning: what comes while it stores has gathered for as long as it takes.
                nextKeeping = now + Self.gatheringTime
                try await keepChunks()
            }
            if !ends.isEmpty {
                try await finish(ends)
            } else if hasDrained {
                close()
                claimSignal.raise()
                beatSignal.raise()
                return
            } else if chunks.withLock({ !$0.isEmpty }) {
                await endSignal.wait(atMost: max(.zero, nextKeeping - now))
            } else {
                await endSignal.wait()
            }
        }
    }

    private func finish(_ ends: [AttemptResult]) async throws {
        var delay = Duration.milliseconds(50)
        var refusals = 0
        while true {
            do {
                try await store(ends)
                return
            } catch  where error.refusesContent && ends.count > 1 {
                // One of them cannot be stored: find it, so that the others are not held up by it.
                for end in ends { try await finish([end]) }
                return
            } catch {
                if error.refusesContent {
                    refusals += 1
                    let isForGood = error.code == .invalidData || refusals >= Self.refusalsForGood
                    if isForGood, await storeRefused(ends, error) { return }
                }
                logger.warning(
                    "Ends could not be stored yet.", metadata: ["error": "\(error)", "count": "\(ends.count)"])
                await link.whenRestored()
                try await Task.sleep(for: delay * Double.random(in: 0.5...1))
                delay = min(delay * 2, .seconds(5))
            }
        }
    }

    /// Lets operators see it. An answer nobody waits for is no reason to try twice.
    private func count(refused: Int) async {
        do {
            try await queue.endsRefused(worker: registration.worker, count: refused)
        } catch {
            logger.debug("Refused ends were not counted.", metadata: ["error": "\(error)"])
        }
    }

    /// Ends without what the server refuses to keep of them. Returns whether it keeps that: otherwise it is not them it
    /// dislikes, and they are as they were.
    private func storeRefused(_ ends: [AttemptResult], _ refusal: QueueError) async -> Bool {
        do {
            try await store(ends.map { Self.unstorable($0, refusal) })
            return true
        } catch {
            return false
        }
    }

    private func store(_ ends: [AttemptResult]) async throws(QueueError) {
        let refused = try await queue.finish(worker: registration.worker, ends)
        let (again, wantsClaim) = state.withLock { state in
            let again = state.machine.finished(ends, refused: refused)
            state.ends += again
            state.counters.refused += refused.count - again.count
            return (again.count, state.machine.wantsClaim || state.machine.phase != .running)
        }
        if refused.count > again {
            logger.notice(
                "Ends were refused because the jobs were no longer this worker's.",
                metadata: ["jobs": "\(refused.prefix(10).map(\.job))", "count": "\(refused.count)"])
            await count(refused: refused.count - again)
        }
        if again > 0 { endSignal.raise() }
        if wantsClaim { claimSignal.raise() }
    }

    private static func unstorable(_ end: AttemptResult, _ refusal: QueueError) -> AttemptResult {
        AttemptResult(
            job: end.job, attempt: end.attempt, outcome: .failed, errorClass: .fatal,
            errorMessage: refusal.code == .invalidData
                ? "The backend's answer holds something PostgreSQL cannot store."
                : "PostgreSQL refuses to store the backend's answer\(refusal.sqlStateInBrackets).",
            usage: end.usage)
    }
}

extension QueueError {
    /// Classes of SQLSTATEs that tell of the server, of its state, or of who asks, and not of what it was sent.
    private static let circumstances: Set<Substring> = ["08", "25", "28", "3D", "40", "42", "53", "55", "57", "58"]

    /// Whether the server refused what it was sent, so that sending the same again is of no use.
    var refusesContent: Bool {
        guard code == .invalidData || code == .database, cause?.code == .server, let state = cause?.sqlState else {
            return false
        }
        return !Self.circumstances.contains(state.prefix(2))
    }

    fileprivate var sqlStateInBrackets: String { cause?.sqlState.map { " (SQLSTATE \($0))" } ?? "" }
}
