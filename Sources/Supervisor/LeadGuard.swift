import Fleet
import Logging
import Postgres
import Queue
import Telemetry

/// Looks whether the supervisor that leads has stalled, for one that stands by, and ends its session if it has.
///
/// A stopped process keeps its session, and with it the locks of the lead and of its host: nobody would reap, promote or
/// steer until it goes on. What it does when it goes on is refused, since another leads then.
struct LeadGuard: Sendable {
    private let queue: Queue
    private let logger: Logger
    private var watch = LeadWatch()
    private var complaint: Complaint
    private let start = ContinuousClock.now

    /// A guard that looks by way of `queue`.
    init(_ queue: Queue, _ logger: Logger) {
        self.queue = queue
        self.logger = logger
        complaint = Complaint("Ending the session of a supervisor that leads and has stalled", logger)
    }

    /// Looks once. Returns whether the leader's session was ended: then the lead is free in a moment.
    mutating func look() async throws(QueueError) -> Bool {
        let seen = try await queue.seenLead()
        guard watch.saw(seen.map(LeadWatch.Sight.init), at: .now - start), let seen else { return false }
        do throws(QueueError) {
            guard try await queue.depose(seen) else { return false }
        } catch {
            // Not everybody may end the sessions of others.
            guard error.code == .database else { throw error }
            complaint.failed(error)
            return false
        }
        logger.warning(
            "The supervisor that leads had stalled; its session was ended.",
            metadata: [LogKey.reason: "it said nothing for \(seen.silence)"])
        return true
    }
}

extension LeadWatch.Sight {
    fileprivate init(_ seen: SeenLead) {
        self.init(session: seen.session, sign: seen.sign, silence: seen.silence, isWorking: seen.isWorking)
    }
}
