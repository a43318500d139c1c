import ArgumentParser
import Logging
import PrivatePostgres
import ServiceLifecycle
import Settings
import Terminal

/// Everything on one machine.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run a queue on this machine, with its own database when none is given.",
        discussion: """
            A fresh data folder gets a model `demo` with two mock deployments, so that there is something to try, and a key \
            for the HTTP gateway, which is shown once, unless --host lets others than this machine ask. Without --port it listens on 8080, or elsewhere if that is taken. The first \
            Ctrl-C drains the workers and stops all of it; a second one ends it at once. The data stay.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var supervision: SupervisorOptions
    @OptionGroup var gateway: GatewayOptions
    @OptionGroup var output: OutputFlags

    func run() async throws {
        let console = output.console
        ProcessGuard.end(await up(console))
    }

    private func up(_ console: Console) async -> Int32 {
        do {
            var settings = try await database.settings()
            // People watch this log beside what is said to them: the usual comings and goings are not worth a line.
            if ProcessEnvironment.variable("SLUICE_LOG_LEVEL") == nil, settings.log.level == .info {
                settings.log.level = .notice
            }
            let logger = ProcessLog.start(settings.log)
            let host: SingleHost
            var services: [any Service] = []
            if database.folder != nil || settings.database.url == nil {
                let folder =
                    database.folder ?? ProcessEnvironment.variable("SLUICE_DATA") ?? DatabaseOptions.defaultFolder
                let server = PrivateServer(
                    dataDirectory: folder, configuration: .init(maximumConnections: SingleHost.maximumConnections),
                    logger: logger)
                services.append(server)
                host = SingleHost(
                    source: .server(server, folder: folder), settings: settings, supervision: supervision,
                    gateway: gateway, console: console, logger: logger)
            } else {
                host = SingleHost(
                    source: .target(try await database.resolve()), settings: settings, supervision: supervision,
                    gateway: gateway, console: console, logger: logger)
            }
            services.append(host)
            _ = try await ServiceRun.run(services, logger: logger)
            console.note("Everything has stopped. The data are kept.")
            return ProcessExit.ok.rawValue
        } catch {
            return CommandRun.report(error, console)
        }
    }
}
