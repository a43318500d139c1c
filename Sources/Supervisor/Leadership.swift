import Glibc
import Logging
import Postgres
import Queue
import Telemetry

/// Leads the fleet, or waits until it can.
///
/// One supervisor leads per database: the one whose session holds the advisory lock (7024, 1). The others look once a
/// second, and take over when its session is gone, which the server notices at once when the process ends, and by its
/// keepalives when the machine does. Works on the connection that keeps the host: whoever has lost that leads nobody.
struct Leadership: Sendable {
    private static let lockStatement = Statement("lead", "select pg_try_advisory_lock(7024, 1)")

    let database: ConnectionConfiguration
    let settings: Supervisor.Settings
    let connection: Connection
    let logger: Logger

    /// Runs until the task is cancelled. Ends the connection when this supervisor leads no more.
    ///
    /// - Parameter wakes: yields when workers tell something, or an operator.
    func run(_ wakes: AsyncStream<Void>) async {
        do {
            try await campaign()
            try await lead(wakes)
        } catch {
            if !Task.isCancelled {
                logger.warning("Leading was given up.", metadata: [LogKey.error: "\(error)"])
                connection.close()
            }
        }
    }

    /// Returns when this supervisor leads.
    private func campaign() async throws {
        while try await !(connection.query(Self.lockStatement).first?.decode(0, as: Bool.self) ?? false) {
            try await Task.sleep(for: settings.campaignInterval * Double.random(in: 0.75...1.25))
        }
        logger.info("This supervisor leads.")
    }

    /// Returns when another leads.
    private func lead(_ wakes: AsyncStream<Void>) async throws {
        let queue = Queue(connection)
        let name = "\(settings.host), process \(getpid())"
        let epoch = settings.isSteering ? try await queue.leadFleet(as: name) : 0
        await withDiscardingTaskGroup { group in
            if settings.isMaintaining {
                group.addTask { await Maintenance(database: database, logger: logger).run() }
            }
            guard settings.isSteering else { return }
            group.addTask {
                await Scaling(database: database, epoch: epoch, interval: settings.steeringInterval, logger: logger)
                    .run()
                if !Task.isCancelled { connection.close() }
            }
            group.addTask {
                await Controller(queue: queue, epoch: epoch, interval: settings.steeringInterval, logger: logger)
                    .run(wakes)
                // Whoever is not obeyed any more does not lead.
                if !Task.isCancelled { connection.close() }
            }
        }
    }
}
