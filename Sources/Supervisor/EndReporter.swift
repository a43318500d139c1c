import Fleet
import Glibc
import Lifeline
import Logging
import Postgres
import Queue
import Telemetry

/// Tells the database of ends of workers, so that their jobs are queued again at once.
struct EndReporter: Sendable {
    /// The end of one child.
    struct Report: Sendable {
        var deployment: String
        var ending: WorkerEnding
        var lastWords: String
        var slotBoardPath: String
        var seenAt: ContinuousClock.Instant
    }

    let queue: Queue
    let patience: Duration
    let logger: Logger

    /// Reports until it is done, or the patience ends: then the worker's lease has expired, and the reaper does it.
    func report(_ report: Report) async {
        var logger = logger
        logger[metadataKey: LogKey.deployment] = "\(report.deployment)"
        defer { unlink(report.slotBoardPath) }
        guard let board = board(report, logger), board.worker != 0 else {
            logger.warning(
                "A worker ended before it was registered.", metadata: [LogKey.reason: "\(report.ending.cause)"])
            return
        }
        logger[metadataKey: LogKey.worker] = "\(board.worker)"
        let clock = ContinuousClock()
        let giveUp = report.seenAt + patience
        var backoff = Backoff(initial: .milliseconds(20), maximum: .seconds(1))
        var random = SystemRandomNumberGenerator()
        var complaint = Complaint("Reporting the end of a worker", logger)
        while true {
            do {
                let returned = try await queue.workerEnded(
                    board.worker, orderly: report.ending.isOrderly, cause: report.ending.cause,
                    exitStatus: report.ending.exitStatus, signal: report.ending.signal, lastWords: report.lastWords,
                    started: report.ending.chargesJobs ? board.started : nil)
                log(report, returned, after: clock.now - report.seenAt, logger)
                return
            } catch {
                complaint.failed(error)
                guard error.code == .unavailable, clock.now < giveUp else { return }
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    private func board(_ report: Report, _ logger: Logger) -> SlotBoard.Contents? {
        do {
            return try SlotBoard.read(path: report.slotBoardPath)
        } catch {
            logger.error("A slot board cannot be read.", metadata: [LogKey.error: "\(error)"])
            return nil
        }
    }

    private func log(_ report: Report, _ returned: ReturnedLeases, after time: Duration, _ logger: Logger) {
        let milliseconds = Double(time.components.seconds) * 1e3 + Double(time.components.attoseconds) / 1e15
        logger.log(
            level: report.ending.isOrderly ? .info : .warning, "A worker ended.",
            metadata: [
                LogKey.reason: "\(report.ending.cause)",
                LogKey.durationMilliseconds: "\((milliseconds * 10).rounded() / 10)",
                "returned": "\(returned.returned)", "suspected": "\(returned.suspected)",
                "quarantined": "\(returned.quarantined)",
            ])
    }
}
