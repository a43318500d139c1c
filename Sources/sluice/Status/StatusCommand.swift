import ArgumentParser
import Queue
import Terminal

/// What there is and what goes on.
struct StatusCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show deployments, workers and batches.")

    @Flag(help: "Show it again every second, until Ctrl-C.")
    var watch = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        while true {
            let report = try await StatusReport(session)
            if output.json {
                try console.show(report.json)
            } else {
                // Drawn over what was there, so that nothing flickers.
                if watch && console.width != nil { try console.write(Array("\u{1B}[H\u{1B}[2J".utf8)) }
                try console.show(report.lines(width: console.width, palette: console.palette))
            }
            guard watch else { return .ok }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
