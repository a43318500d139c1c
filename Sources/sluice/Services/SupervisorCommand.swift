import Settings
import Postgres
import ArgumentParser
import Logging
import Queue
import Supervisor
import Terminal

/// Keeps the workers of this host.
struct SupervisorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervisor",
        abstract: "Keep the workers of this host alive, and the queue in shape.",
        discussion: """
            One for each host (SLUICE_HOST, or the machine's name): it claims slots of workers while the host has memory. A \
            second one of the same host stands by. One of all leads, and decides how many slots there are. The first \
            SIGTERM or Ctrl-C drains its workers and ends; a second one ends it at once, and its workers with it.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var supervision: SupervisorOptions

    func run() async throws {
        let console = Console(options: OutputOptions(), environment: ProcessEnvironment.variables)
        ProcessGuard.end(await supervise(console))
    }

    private func supervise(_ console: Console) async -> Int32 {
        do {
            let target = try await database.resolve()
            guard target.pooler == .none else {
                throw CommandFailure(
                    .configuration, "A supervisor needs a connection of its own, not one through a transaction pooler.",
                    fix: "Pass the URL of the server itself, and --pooler none.")
            }
            let settings = try await database.settings()
            let logger = ProcessLog.start(settings.log)
            try await Session.open(target).connection.close()
            let supervisor = try supervision.supervisor(
                conninfo: target.conninfo, folder: target.folder, settings: settings, logger: logger)
            _ = try await ServiceRun.run([supervisor], logger: logger)
            return ProcessExit.ok.rawValue
        } catch {
            return CommandRun.report(error, console)
        }
    }
}
