import Logging
import Queue
import Synchronization

/// Delivers webhooks: claims what is due, as workers claim jobs, and sends it.
///
/// Any number of gateways do so at once. One that is killed leaves its deliveries to come due again: a message is sent at
/// least once, always under the same id.
struct WebhookCourier: Sendable {
    let queue: Queue
    let sender: WebhookSender
    let logger: Logger

    /// How many messages are under way at once.
    private static let maximumUnderWay = 32
    /// Longer than a send can take.
    private static let lease = Duration.seconds(60)
    private static let pause = Duration.milliseconds(500)
    /// How often old deliveries are forgotten.
    private static let sweep = Duration.seconds(60)

    /// Delivers until the task is cancelled. What is under way is then given up, and comes due again.
    func run() async {
        let counter = UnderWay()
        await withDiscardingTaskGroup { group in
            var swept = ContinuousClock.now
            while !Task.isCancelled {
                let free = Self.maximumUnderWay - counter.count
                var claimed: [ClaimedWebhook] = []
                do {
                    if free > 0 { claimed = try await queue.claimWebhooks(limit: free, lease: Self.lease) }
                    if ContinuousClock.now - swept >= Self.sweep {
                        swept = .now
                        _ = try await queue.expireWebhooks()
                    }
                } catch {
                    logger.debug("Webhooks could not be claimed.", metadata: ["error": "\(error)"])
                }
                for webhook in claimed {
                    counter.began()
                    group.addTask {
                        await self.deliver(webhook)
                        counter.ended()
                    }
                }
                if claimed.isEmpty { do { try await Task.sleep(for: Self.pause) } catch { break } }
            }
            group.cancelAll()
        }
    }

    private func deliver(_ webhook: ClaimedWebhook) async {
        let start = ContinuousClock.now
        do {
            let outcome = await sender.send(WebhookMessage(webhook, try await news(of: webhook)), to: webhook.url)
            if Task.isCancelled { return }
            var random = SystemRandomNumberGenerator()
            let state = try await queue.finishWebhook(
                webhook.id, attempt: webhook.attempt,
                WebhookOutcome(
                    status: outcome.status, error: outcome.error, took: ContinuousClock.now - start,
                    delay: WebhookBackoff.delay(after: webhook.attempt, using: &random), isFinal: outcome.isFinal))
            guard let error = outcome.error else { return }
            logger.info(
                "A webhook was not delivered.",
                metadata: [
                    "delivery": "\(webhook.id)", "subject": "\(webhook.subject.name)", "attempt": "\(webhook.attempt)",
                    "error": "\(error)", "state": "\(state?.rawValue ?? "claimed by another")",
                ])
        } catch {
            // It comes due again.
            logger.debug("A webhook waits for the database.", metadata: ["error": "\(error)"])
        }
    }

    private func news(of webhook: ClaimedWebhook) async throws(QueueError) -> WebhookMessage.News {
        switch webhook.subject {
        case .job(let job, _, _):
            .job(try await queue.status(of: [job]).first, result: try await queue.results(of: [job]).first)
        case .batch(let batch, _): .batch(try await queue.batch(batch, of: webhook.tenant))
        }
    }

    /// How many messages are under way.
    private final class UnderWay: Sendable {
        private let number = Atomic(0)

        var count: Int { number.load(ordering: .relaxed) }
        func began() { number.add(1, ordering: .relaxed) }
        func ended() { number.subtract(1, ordering: .relaxed) }
    }
}

extension WebhookSubject {
    /// For logs.
    fileprivate var name: String {
        switch self {
        case .job(let id, _, _): "job \(id)"
        case .batch(let number, _): "batch \(number)"
        }
    }
}
