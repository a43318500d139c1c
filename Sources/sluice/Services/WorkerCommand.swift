import Settings
import Postgres
import ArgumentParser
import Lifeline
import Logging
import ServiceLifecycle
import Telemetry
import Terminal
import Worker

/// One worker process: hosts one deployment and runs its jobs.
struct WorkerCommand: AsyncParsableCommand, BackendHosting {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run one worker of a deployment in this process.",
        discussion: """
            Supervisors start workers; by hand it is for trying things out. The first SIGTERM or Ctrl-C drains it: it \
            claims no more, finishes what it runs within the grace, and gives the rest back. A second one ends it at once.

            Exit status: 0 drained, 64 usage or unknown deployment, 69 database away, 78 backend refused, 81 a call hung, \
            82 declared dead, 83 memory limit, 84 backend unusable, 85 parent gone, \
            86 drained close to its memory limit.
            """)

    @Option(help: "The deployment whose jobs it runs.")
    var deployment: String

    @Option(help: ArgumentHelp("Keep the slot board in this file.", visibility: .hidden), completion: .file())
    var slotBoard: String?

    @Flag(
        help: ArgumentHelp(
            """
            Standard input is a lifeline: its end means that the parent is gone. A line feed on standard output says that \
            the worker is ready.
            """, visibility: .hidden))
    var supervised = false

    @Option(
        help: ArgumentHelp("Bytes of resident memory past which it ends with 83; it drains at 95%.", valueName: "bytes")
    )
    var memoryLimit: Int?

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions

    func validate() throws {
        if let memoryLimit, memoryLimit < 32 << 20 { throw ValidationError("--memory-limit must be at least 32 MiB.") }
    }

    func run() async throws {
        if supervised { ProcessGuard.drainWithParent() }
        if let memoryLimit { ProcessGuard.limitMemory(resident: memoryLimit) }
        ProcessGuard.end(await work())
    }

    /// Works until the end and returns the exit status.
    private func work() async -> Int32 {
        let console = Console(options: OutputOptions(), environment: ProcessEnvironment.variables)
        let logger: Logger
        do {
            logger = ProcessLog.start(try await database.settings().log)
        } catch {
            return CommandRun.report(error, console)
        }
        do {
            let worker = Worker(settings: try await settings(), logger: logger)
            var services: [any Service] = [worker]
            if supervised { services.insert(ParentLifeline(), at: 0) }
            if let memoryLimit { services.insert(MemoryWatch(limit: memoryLimit, logger: logger), at: 0) }
            _ = try await ServiceRun.run(services, logger: logger)
            return WorkerExit.drained.rawValue
        } catch {
            let failure = CommandFailure(explaining: error)
            // A parent reads log lines, and takes the last one for the cause.
            if supervised { logger.error("\(failure)") } else { console.report(failure) }
            return (error as? WorkerEnd)?.exit.rawValue ?? failure.exitCode.rawValue
        }
    }

    private func settings() async throws -> Worker::WorkerSettings {
        let target = try await database.resolve()
        let wanted = try await database.settings()
        var configuration = try target.configuration()
        configuration.applicationName = "sluice worker \(deployment)"
        var settings = Worker::WorkerSettings(
            database: configuration, deployment: deployment, host: ProcessEnvironment.host,
            backendDirectories: backends.directories)
        settings.slotBoardPath = slotBoard
        if let memoryLimit {
            settings.memory = { ProcessGuard.residentBytes().map { Double($0) / Double(memoryLimit) } }
        }
        settings.readiness = supervised ? Readiness() : nil
        settings.heartbeat = wanted.supervisor.heartbeatInterval
        settings.drainGrace = wanted.worker.drainGrace
        settings.cancelGrace = wanted.worker.cancelGrace
        settings.pollInterval = wanted.worker.pollInterval
        settings.buffer = wanted.worker.buffer
        return settings
    }
}
