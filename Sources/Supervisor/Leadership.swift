import Glibc
import Logging
import Postgres
import Queue
import Telemetry

/// Leads the fleet, or waits until it can.
///
/// One supervisor leads per database: the one whose session holds the advisory lock (7024, 1). The others look twice a
/// second, and take over when its session is gone, which the server notices at once when the process ends, and by its
/// keepalives when the machine does. A leader that has stalled keeps its session: it says that it is there twice a second,
/// and the others end the session of one that says nothing for three (`LeadWatch`). Works on the connection that keeps the
/// host: whoever has lost that leads nobody.
struct Leadership: Sendable {
    /// How often the leader says that it is there.
    private static let signInterval = Duration.milliseconds(500)
    /// How often the lead is tried for once it is about to be free.
    private static let haste = Duration.milliseconds(20)

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
        let queue = Queue(connection)
        var leader = LeadGuard(queue, logger)
        while try await !queue.takeLead() {
            let isFree = try await leader.look()
            try await Task.sleep(for: isFree ? Self.haste : settings.campaignInterval * Double.random(in: 0.75...1.25))
        }
        logger.info("This supervisor leads.")
    }

    /// Returns when another leads.
    private func lead(_ wakes: AsyncStream<Void>) async throws {
        let queue = Queue(connection)
        let epoch = try await queue.leadFleet(as: "\(settings.host), process \(getpid())")
        await withDiscardingTaskGroup { group in
            group.addTask { await hold(queue, epoch) }
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

    /// Says that the leader is there, until the task is cancelled or another leads.
    ///
    /// Not left to the controller, whose looks take as long as there are models; on its connection, so that who cannot
    /// steer does not lead.
    private func hold(_ queue: Queue, _ epoch: Int64) async {
        while !Task.isCancelled {
            do throws(QueueError) {
                try await queue.holdLead(epoch: epoch)
            } catch {
                if Task.isCancelled { return }
                // A database that refuses for a moment, its disk full, is no reason: nobody else would fare better.
                if error.code == .superseded { return connection.close() }
            }
            do { try await Task.sleep(for: Self.signInterval) } catch { return }
        }
    }
}
