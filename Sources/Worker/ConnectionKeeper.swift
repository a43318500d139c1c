import Glibc
import Lifeline
import Logging
import Postgres
import Queue
import Synchronization

/// Who is to hear of the connection: the loop, once the backend is loaded, which may take minutes.
final class Audience: Sendable {
    private let state = Mutex<WorkLoop?>(nil)

    /// The loop; nil while the backend is loading and nothing is held.
    var loop: WorkLoop? { state.withLock { $0 } }

    /// The backend is loaded.
    func enter(_ loop: WorkLoop) { state.withLock { $0 = loop } }
}

/// Makes the worker's connection, and makes it again when it is lost.
struct ConnectionKeeper: Sendable {
    let settings: WorkerSettings
    let logger: Logger

    private var isDirect: Bool { settings.database.pooler == .none }

    /// Connects for the first time and registers the worker.
    ///
    /// - Throws: `WorkerEnd` when the database stays away longer than the worker's patience, or does not know its deployment.
    func register() async throws -> (Connection, WorkerRegistration) {
        let clock = ContinuousClock()
        let giveUp = clock.now + settings.connectPatience
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                let connection = try await Connection.connect(settings.database, logger: logger)
                let registration = try await Queue(connection).workerStarted(
                    deployment: settings.deployment, host: settings.host, processID: getpid(), direct: isDirect)
                try await listen(on: connection, registration)
                return (connection, registration)
            } catch let error as QueueError where error.code != .unavailable {
                throw WorkerEnd(.usage, "\(error)")
            } catch {
                guard clock.now < giveUp else {
                    throw WorkerEnd(.databaseUnavailable, "The database could not be reached: \(error)")
                }
                logger.notice("The database is not there yet.", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.next(using: &random))
            }
        }
    }

    /// Waits for the loss of each connection and makes the next one, until cancelled.
    ///
    /// - Throws: `WorkerEnd` when the worker was declared dead meanwhile.
    func keep(
        _ first: Connection, _ link: DatabaseLink, _ registration: WorkerRegistration, _ audience: Audience
    ) async throws {
        var connection = first
        while true {
            let current = connection
            try await withThrowingTaskGroup { group in
                group.addTask {
                    for await notification in current.notifications {
                        audience.loop?.notified(isOfWork: notification.channel.hasPrefix("sluice_model_"))
                    }
                }
                let cause = await current.waitUntilClosed()
                group.cancelAll()
                try Task.checkCancellation()
                link.lost(current)
                logger.warning(
                    "The connection to the database was lost.",
                    metadata: ["error": "\(cause.map { "\($0)" } ?? "closed")"])
            }
            connection = try await reconnect(registration, audience)
            link.restored(connection)
            audience.loop?.reconnected()
            logger.notice("The connection to the database is back.")
        }
    }

    private func reconnect(_ registration: WorkerRegistration, _ audience: Audience) async throws -> Connection {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(3))
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                let connection = try await Connection.connect(settings.database, logger: logger)
                let isAlive = try await Queue(connection).workerReconnected(
                    registration.worker, direct: isDirect, held: audience.loop?.heldJobs ?? [])
                guard isAlive else {
                    throw WorkerEnd(.declaredDead, "The worker was declared dead while it had no connection.")
                }
                try await listen(on: connection, registration)
                return connection
            } catch let end as WorkerEnd {
                throw end
            } catch {
                logger.debug("Reconnecting failed.", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.next(using: &random))
            }
        }
    }

    private func listen(on connection: Connection, _ registration: WorkerRegistration) async throws {
        guard isDirect else { return }
        try await connection.listen("sluice_model_\(registration.model)")
        try await connection.listen("sluice_worker_\(registration.worker)")
    }
}
