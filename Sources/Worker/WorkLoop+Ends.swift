import Domain
import Logging
import Queue
import Synchronization

extension WorkLoop {
    private static let endsPerCall = 500

    /// Tells the database how jobs ended, as many at a time as there are, and what came of streaming ones meanwhile, until
    /// the worker has drained.
    ///
    /// While the database is away the ends are kept: they are as many as the leases, no more.
    func finishJobs() async throws {
        var nextKeeping = Duration.zero
        while !Task.isCancelled {
            let ends = state.withLock { state in
                let ends = Array(state.ends.prefix(Self.endsPerCall))
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
        while true {
            do {
                let refused = try await queue.finish(worker: registration.worker, ends)
                if !refused.isEmpty {
                    logger.notice(
                        "Ends were refused because the jobs were no longer this worker's.",
                        metadata: ["jobs": "\(refused.prefix(10).map(\.job))", "count": "\(refused.count)"])
                }
                let wantsClaim = state.withLock { state in
                    state.machine.finished(ends.map(\.job))
                    state.counters.refused += refused.count
                    return state.machine.wantsClaim || state.machine.phase != .running
                }
                if wantsClaim { claimSignal.raise() }
                if !refused.isEmpty { await count(refused: refused.count) }
                return
            } catch  where error.code == .invalidData && ends.count > 1 {
                // One of them cannot be stored: find it, so that the others are not held up by it.
                for end in ends { try await finish([end]) }
                return
            } catch  where error.code == .invalidData {
                try await finish(ends.map(unstorable))
                return
            } catch {
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

    private func unstorable(_ end: AttemptResult) -> AttemptResult {
        AttemptResult(
            job: end.job, attempt: end.attempt, outcome: .failed, errorClass: .fatal,
            errorMessage: "The backend's answer holds something PostgreSQL cannot store.", usage: end.usage)
    }
}
