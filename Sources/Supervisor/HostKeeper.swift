import Fleet
import Glibc
import Logging
import Postgres
import Queue
import Telemetry

/// Keeps this host: says that its supervisor is there, claims slots of workers for it, and tells what it should have.
///
/// One supervisor keeps a host: the one whose session holds the advisory lock (7025, hash of the host's name). Another with
/// the same name stands by, looks twice a second, and takes over when that session is gone: two would give the memory of the
/// machine away twice. Needs a connection to the server itself: through a transaction pooler the lock would belong to
/// nobody.
struct HostKeeper: Sendable {
    let database: ConnectionConfiguration
    let settings: Supervisor.Settings
    /// Told the connection, whether it keeps the host or not.
    let link: DatabaseLink
    let board: HostBoard
    let roll: WorkerRoll
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
                    emit(.lostHost)
                }
                let incarnation = try await take(connection)
                backoff.reset()
                try await keep(connection, incarnation)
            } catch {
                if Task.isCancelled { return }
                complaint.failed(error)
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    /// Frees the host's slots, so that others start workers while those of this host still end.
    func leave() async {
        guard let incarnation = board.leave() else { return }
        do {
            try await Queue(link).hostLeaves(settings.host, incarnation: incarnation)
        } catch {
            // Others notice when the session is gone.
            logger.debug("The host's slots were not given back.", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Returns when this supervisor keeps the host.
    private func take(_ connection: Connection) async throws -> Int64 {
        let queue = Queue(connection)
        var leader = LeadGuard(queue, logger)
        var hasSaid = false
        while try await !queue.takeHost(settings.host) {
            emit(.sawAnotherKeeper)
            // It may be the keeper of this very host that leads and has stalled.
            _ = try await leader.look()
            if !hasSaid {
                logger.notice(
                    "Another supervisor keeps this host; this one stands by.", metadata: ["host": "\(settings.host)"])
            }
            hasSaid = true
            try await Task.sleep(for: settings.campaignInterval * Double.random(in: 0.75...1.25))
        }
        let incarnation = try await queue.hostStarted(
            settings.host, processID: getpid(), memory: settings.hostMemory.map { Int64($0) },
            labels: settings.labelsJSON, incarnation: board.incarnation)
        board.took(incarnation)
        emit(.tookHost)
        return incarnation
    }

    /// Returns when the connection is lost.
    private func keep(_ connection: Connection, _ incarnation: Int64) async throws {
        try await connection.listen("sluice_fleet")
        try await connection.listen("sluice_sample")
        let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let done = board.watch { look.yield() }
        defer { board.unwatch() }
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
            group.addTask { await watch(connection, incarnation, looks, done) }
            group.addTask {
                await Leadership(database: database, settings: settings, connection: connection, logger: logger)
                    .run(wakes)
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

    /// Looks whether workers of this host that are alive were declared dead. One that is stopped hears nothing of it, and
    /// would keep its place for ever.
    private func muster(_ queue: Queue) async throws(QueueError) {
        let workers = roll.workers
        guard !workers.isEmpty else { return }
        for worker in try await queue.dead(of: workers.keys.sorted()) {
            if let child = workers[worker] { emit(.declaredDead(child)) }
        }
    }

    /// Looks at what is wanted, whenever asked to. The next look waits until what the last one said is being done, so that
    /// what it tells of the processes is never older than that.
    private func watch(
        _ connection: Connection, _ incarnation: Int64, _ looks: AsyncStream<Void>, _ done: AsyncStream<Int>
    ) async {
        var complaint = Complaint("Looking at the wanted workers", logger)
        let queue = Queue(connection)
        var dones = done.makeAsyncIterator()
        for await _ in looks {
            if board.isLeaving { return }
            do throws(QueueError) {
                let wanted = try await queue.hostLooks(settings.host, incarnation: incarnation, board.processes)
                complaint.succeeded()
                let number = board.willTell()
                emit(
                    .wanted(
                        wanted.map {
                            .init(
                                deployment: $0.deployment, workers: Int($0.workers), revision: $0.revision,
                                room: Int($0.room), isReplacementRefused: $0.isReplacementRefused)
                        }))
                while let told = await dones.next(), told < number {}
                try await muster(queue)
            } catch {
                if Task.isCancelled || !connection.isOpen { return }
                if error.code == .superseded {
                    logger.warning("Another supervisor keeps this host.")
                    return connection.close()
                }
                complaint.failed(error)
            }
        }
    }
}
