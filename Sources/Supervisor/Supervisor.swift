import Fleet
package import Logging
package import Postgres
import Queue
import ServiceLifecycle
import Telemetry

/// Keeps the worker processes of this host: claims slots of workers within the host's memory, starts a process for each,
/// starts those again that end, and tells the database of every end, so that a dead worker's jobs are queued again at once.
/// One of the supervisors leads the fleet besides: it decides how many slots there are.
///
/// What to do is decided by `SupervisorMachine`; this is its hands. `run` returns when, after a graceful shutdown, the last
/// worker has ended and been reported. When its task is cancelled instead, its workers are ended within two seconds. When
/// its process is killed, its workers see their lifeline close and end by themselves.
///
/// It holds four connections while it leads the fleet, one while it does not.
package final class Supervisor: Service {
    /// Something the main loop has to know.
    private enum Event: Sendable {
        case happened(SupervisorMachine.Event)
        /// A child ended, with what the report needs.
        case ended(SupervisorMachine.Child, EndReporter.Report)
    }

    private let settings: Settings
    private let database: ConnectionConfiguration
    private let logger: Logger
    private let link = DatabaseLink()
    private let memory: MemoryWatch
    private let directory: RunDirectory
    private let roll: WorkerRoll
    private let board = HostBoard()
    private let events: AsyncStream<Event>
    /// Bounded by what the children and the poll can have in flight: a few events each.
    private let emit: AsyncStream<Event>.Continuation

    /// A supervisor that will do as `settings` say.
    ///
    /// - Throws: `PostgresError` with `invalidConfiguration` when the connection string is malformed.
    package init(settings: Settings, logger: Logger) throws(PostgresError) {
        var database = try ConnectionConfiguration(settings.conninfo)
        database.applicationName = "sluice supervisor"
        self.database = database
        self.settings = settings
        self.logger = logger
        memory = MemoryWatch(limit: settings.memoryLimit)
        directory = RunDirectory(path: settings.runDirectory)
        roll = WorkerRoll(directory)
        (events, emit) = AsyncStream.makeStream(of: Event.self)
    }

    /// Works until graceful shutdown is complete. To be called once.
    ///
    /// - Throws: when the run directory cannot be made; `CancellationError`.
    package func run() async throws {
        try directory.prepare()
        await withDiscardingTaskGroup { group in
            let emit = emit
            let keeper = HostKeeper(
                database: database, settings: settings, link: link, board: board, roll: roll, logger: logger,
                emit: { emit.yield(.happened($0)) })
            group.addTask { await keeper.run() }
            group.addTask {
                await self.memory.run { emit.yield(.happened(.exceededMemory($0, bytes: $1))) }
            }
            group.addTask {
                do { try await gracefulShutdown() } catch { return }
                emit.yield(.happened(.shutdownRequested))
                await keeper.leave()
            }
            await operate(timers: &group)
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// Feeds the machine and does what it says, until it is finished and everything is reported.
    private func operate(timers: inout DiscardingTaskGroup) async {
        let clock = ContinuousClock()
        let start = clock.now
        var random = SystemRandomNumberGenerator()
        var machine = SupervisorMachine(restarts: settings.restarts, graces: settings.graces)
        var commands: [SupervisorMachine.Child: AsyncStream<ChildProcess.Command>.Continuation] = [:]
        var reports: [SupervisorMachine.Child: EndReporter.Report] = [:]
        var nextTick: Duration?
        let reporter = EndReporter(queue: Queue(link), patience: settings.reportPatience, logger: logger)

        await withDiscardingTaskGroup { group in
            for await event in events {
                let now = clock.now - start
                let machineEvent: SupervisorMachine.Event
                switch event {
                case .happened(let event): machineEvent = event
                case .ended(let child, let report):
                    reports[child] = report
                    machineEvent = .exited(child, report.ending)
                }
                if case .ticked = machineEvent { nextTick = nil }
                let actions = machine.handle(machineEvent, at: now, using: &random)
                let isOfList = if case .wanted = machineEvent { true } else { false }
                board.did(machine.counts, isOfList: isOfList)
                for action in actions {
                    switch action {
                    case .spawn(let child, let deployment, _):
                        // A drain and a kill are all a child is ever told.
                        let (obeyed, command) = AsyncStream.makeStream(
                            of: ChildProcess.Command.self, bufferingPolicy: .bufferingOldest(4))
                        commands[child] = command
                        group.addTask { await self.live(child, deployment, obeying: obeyed) }
                    case .drain(let child): commands[child]?.yield(.drain)
                    case .kill(let child): commands[child]?.yield(.kill)
                    case .report(let child, let deployment, let ending):
                        commands[child] = nil
                        guard var report = reports.removeValue(forKey: child) else { continue }
                        report.deployment = deployment
                        report.ending = ending
                        group.addTask { [report] in await reporter.report(report) }
                    case .hold(let deployment, let reason):
                        group.addTask { await self.note(hold: deployment, reason) }
                    case .wake(let pause):
                        // A tick that comes too early does no harm, so an earlier one that is set serves as well.
                        guard nextTick.map({ now + pause < $0 }) ?? true else { continue }
                        nextTick = now + pause
                        timers.addTask { [emit] in
                            do { try await Task.sleep(for: pause) } catch { return }
                            emit.yield(.happened(.ticked))
                        }
                    }
                }
                if machine.isFinished { break }
            }
        }
    }

    /// The life of one child process.
    private func live(
        _ child: SupervisorMachine.Child, _ deployment: String, obeying commands: AsyncStream<ChildProcess.Command>
    ) async {
        var logger = logger
        logger[metadataKey: LogKey.deployment] = "\(deployment)"
        let board = directory.board(of: child)
        let secrets: [String]
        do {
            secrets = try await Queue(link).secretNames(of: deployment)
        } catch {
            logger.error("A worker could not be started.", metadata: [LogKey.error: "\(error)"])
            emit.yield(.happened(.spawnFailed(child, cause: "\(error)")))
            return
        }
        let process = ChildProcess(
            executable: settings.executable,
            arguments: settings.arguments(
                .init(deployment: deployment, slotBoardPath: board, memoryLimit: settings.memoryLimit)),
            environment: settings.workerEnvironment(secrets: secrets))
        var output = WorkerOutput(logger: logger)
        func ended(_ ending: WorkerEnding, _ seenAt: ContinuousClock.Instant) {
            memory.ended(child)
            roll.ended(child)
            emit.yield(
                .ended(
                    child,
                    EndReporter.Report(
                        deployment: deployment, ending: ending, lastWords: output.lastWords, slotBoardPath: board,
                        seenAt: seenAt)))
        }
        do throws(ChildProcess.Failure) {
            let end = try await process.run(obeying: commands, output: &output) { processID in
                logger.info("A worker was started.", metadata: [LogKey.processID: "\(processID)"])
                memory.started(child, processID: processID)
                roll.started(child)
                emit.yield(.happened(.spawned(child, processID: processID)))
            } ready: { [emit] in
                emit.yield(.happened(.ready(child)))
            }
            ended(WorkerEnding(end.status, lastMessage: end.lastMessage), end.seenAt)
        } catch {
            switch error {
            case .notStarted(let cause):
                logger.error("A worker could not be started.", metadata: [LogKey.error: "\(cause)"])
                emit.yield(.happened(.spawnFailed(child, cause: "\(cause)")))
            case .lost(let cause):
                ended(WorkerEnding("it was lost sight of: \(cause)"), .now)
            }
        }
    }

    private static let noteStatement = Statement("note", "select sluice.note($1::text, $2::text, $3::text)")

    /// Says that a deployment is not started for a while, in the log and as a row.
    private func note(hold deployment: String, _ reason: String) async {
        logger.error(
            "A deployment's workers keep ending: none is started for a while.",
            metadata: [LogKey.deployment: "\(deployment)", LogKey.reason: "\(reason)"])
        var parameters = Parameters()
        parameters.append("deployment_held")
        parameters.append("deployment \(deployment)")
        parameters.append("\(reason), on \(settings.host)")
        do {
            _ = try await link.query(Self.noteStatement, parameters)
        } catch {
            logger.warning("A decision was not recorded.", metadata: [LogKey.error: "\(error)"])
        }
    }
}
