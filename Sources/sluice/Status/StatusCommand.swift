import ArgumentParser
import Terminal

/// What there is and what goes on.
struct StatusCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show deployments, their traffic, workers, batches and the last decisions.",
        discussion: "`sluice top` shows the same as it changes.")

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        try await StatusReport(try await Session.open(database)).show(on: console)
        return .ok
    }
}
