import Domain
import Logging
import Queue
import Synchronization

extension WorkLoop {
    /// How long pieces are gathered before they are stored: with the way to the database and back, readers have them well
    /// within 30 ms.
    static let gatheringTime = Duration.milliseconds(10)

    /// What the backend is to call with each piece of the answer of `job`; nil when nobody wants them.
    func receiver(of job: ClaimedJob) -> (@Sendable ([UInt8]) -> Void)? {
        guard job.isStreaming else { return nil }
        chunks.withLock { $0.began(job.id, attempt: job.attempt) }
        return { [self] body in
            if chunks.withLock({ $0.arrived(job.id, body) }) { endSignal.raise() }
        }
    }

    /// Stores every piece that has come, before the ends of their jobs are: whoever sees a result can read all of it.
    func keepChunks() async throws {
        for statement in chunks.withLock({ $0.take() }) { try await keep(statement) }
    }

    private func keep(_ pieces: [AnswerChunk]) async throws {
        while true {
            do {
                try await queue.appendChunks(pieces)
                return
            } catch  where error.code == .invalidData && pieces.count > 1 {
                // One of them cannot be stored: the others are not to go with it.
                for piece in pieces { try await keep([piece]) }
                return
            } catch  where error.code == .invalidData {
                logger.warning(
                    "A piece of an answer holds something PostgreSQL cannot store; it was dropped.",
                    metadata: ["job": "\(pieces.first?.job ?? 0)"])
                return
            } catch {
                logger.warning(
                    "Pieces of answers could not be stored yet.",
                    metadata: ["error": "\(error)", "count": "\(pieces.count)"])
                await link.whenRestored()
                try await Task.sleep(for: .milliseconds(50) * Double.random(in: 0.5...1))
            }
        }
    }
}
