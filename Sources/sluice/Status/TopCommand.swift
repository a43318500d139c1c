import ArgumentParser
import Terminal

/// What there is and what goes on, as it changes.
struct TopCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show what `sluice status` shows, again and again, until Ctrl-C.",
        discussion: "With --json an object a look, each on a line of its own.")

    @Option(
        help: ArgumentHelp("Seconds between two looks, 1 to 3600.", valueName: "seconds"))
    var interval = 1

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 1...3_600 ~= interval else { throw ValidationError("The interval is 1 to 3600 seconds.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        while true {
            let report = try await StatusReport(session)
            // Drawn over what was there, so that nothing flickers.
            if !output.json, console.width != nil { try console.write(Array("\u{1B}[H\u{1B}[2J".utf8)) }
            try report.show(on: console)
            try await Task.sleep(for: .seconds(interval))
        }
    }
}
