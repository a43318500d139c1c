import ArgumentParser
import FleetFile
import Postgres
import Terminal

/// Writes the fleet as a file.
struct ExportCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write models, deployments and experiments as a file for `sluice apply`.",
        discussion: """
            YAML on standard output. What operators did to the traffic for the moment (isolated, paused, a rollout under \
            way) is not declared, and not written. Configurations hold references to secrets (env:NAME), never secrets.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var fleet = try await session.connection.transaction(isolation: .repeatableRead) { connection in
            try await FleetState(connection: connection).read()
        }
        // What is over is history, not declared.
        fleet.experiments.removeAll { $0.state != "running" }
        for index in fleet.experiments.indices { fleet.experiments[index].state = nil }
        try console.show(text: try FleetFile.text(fleet))
        return .ok
    }
}
