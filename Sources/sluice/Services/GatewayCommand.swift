import ArgumentParser
import Domain
import Gateway
import Logging
import Postgres
import Queue
import Settings
import Terminal

/// Serves HTTP.
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Serve the OpenAI-compatible API and /api/jobs over HTTP.",
        discussion: """
            Any number of gateways can serve one queue. Clients need a key: `sluice keys create NAME` makes one. The first \
            SIGTERM or Ctrl-C finishes what is under way and ends; a second one ends it at once.
            """)

    @OptionGroup var gateway: GatewayOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func run() async throws {
        ProcessGuard.end(await serve(output.console))
    }

    private func serve(_ console: Console) async -> Int32 {
        do {
            let target = try await database.resolve()
            let logger = ProcessLog.start(try await database.settings().log)
            try await Session.open(target).connection.close()
            let gateway = gateway
            let service = Gateway(gateway.settings, database: try target.configuration(), logger: logger) { port in
                let url = "\(gateway.scheme)://\(gateway.host):\(port)"
                if console.options.isJSON {
                    do { try console.show(["ready": true, "url": .string(url)]) } catch {
                        logger.warning("Nobody reads what is said.", metadata: ["error": "\(error)"])
                    }
                } else {
                    console.note("The gateway listens: \(url)/v1")
                }
            }
            _ = try await ServiceRun.run([service], logger: logger)
            return ProcessExit.ok.rawValue
        } catch {
            return CommandRun.report(error, console)
        }
    }
}
