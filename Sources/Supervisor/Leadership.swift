import Fleet
import Glibc
import Logging
import Postgres
import Queue
import Telemetry

/// Leads, or stands by and takes over.
///
/// One supervisor leads per database: the one whose session holds the advisory lock (7024, 1). The others look once a
/// second, and take over when its session is gone, which the server notices at once when the process ends, and by its
/// keepalives when the machine does. Needs a connection to the server itself: through a transaction pooler the lock would
/// belong to nobody.
struct Leadership: Sendable {
    private static let lockStatement = Statement("lead", "select pg_try_advisory_lock(7024, 1)")

    let database: ConnectionConfiguration
    let settings: Supervisor.Settings
    /// Told the connection, whether it leads or not.
    let link: DatabaseLink
    let logger: Logger
    let emit: @Sendable (SupervisorMachine.Event) -> Void

    /// Runs until the task is cancelled.
    func run() async {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(3))
        var random = SystemRandomNumberGenerator()
        var complaint = Complaint("Connecting to the database", logger)
        while !Task.isCancelled {
            do {
                let connection = try await Connection.connect(database, logger: logger)
                complaint.succeeded()
                link.set(connection)
                defer {
                    link.set(nil)
                    connection.close()
                    emit(.lostLeadership)
                }
                try await campaign(on: connection)
                backoff.reset()
                try await lead(on: connection)
            } catch {
                if Task.isCancelled { return }
                complaint.failed(error)
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    /// Returns when this supervisor leads.
    private func campaign(on connection: Connection) async throws {
        var hasSaid = false
        while true {
            let rows = try await connection.query(Self.lockStatement)
            if try rows.first?.decode(0, as: Bool.self) == true { break }
            emit(.sawAnotherLeader)
            if !hasSaid { logger.notice("Another supervisor leads; this one stands by.") }
            hasSaid = true
            try await Task.sleep(for: settings.campaignInterval * Double.random(in: 0.75...1.25))
        }
        logger.info("This supervisor leads.")
        emit(.becameLeader)
    }

    /// Returns when the connection is lost.
    private func lead(on connection: Connection) async throws {
        try await connection.listen("sluice_fleet")
        try await connection.listen("sluice_sample")
        let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await notification in connection.notifications {
                    wake.yield()
                    if notification.channel == "sluice_fleet" { look.yield() }
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    look.yield()
                    do { try await Task.sleep(for: settings.pollInterval) } catch { return }
                }
            }
            group.addTask { await watch(connection, looks) }
            if settings.isSteering {
                group.addTask {
                    let controller = Controller(
                        queue: Queue(connection), name: "\(settings.host), process \(getpid())",
                        interval: settings.steeringInterval,
                        logger: logger)
                    await controller.run(wakes)
                    // Whoever is not obeyed any more does not lead.
                    if !Task.isCancelled { connection.close() }
                }
            }
            if settings.isMaintaining {
                group.addTask { await Maintenance(database: database, logger: logger).run() }
            }
            let cause = await connection.waitUntilClosed()
            if !Task.isCancelled {
                logger.warning(
                    "The connection to the database was lost.",
                    metadata: [LogKey.error: "\(cause.map { "\($0)" } ?? "closed")"])
            }
            group.cancelAll()
        }
    }

    /// Looks at what is wanted, whenever asked to.
    private func watch(_ connection: Connection, _ looks: AsyncStream<Void>) async {
        var complaint = Complaint("Reading the wanted workers", logger)
        let queue = Queue(connection)
        for await _ in looks {
            do {
                let wanted = try await queue.wantedWorkers()
                complaint.succeeded()
                emit(
                    .wanted(
                        wanted.map { .init(deployment: $0.deployment, workers: Int($0.workers), revision: $0.revision) }
                    ))
            } catch {
                if Task.isCancelled || !connection.isOpen { return }
                complaint.failed(error)
            }
        }
    }
}
