import ArgumentParser
import Queue
import Terminal

/// Sets how many workers a deployment should have.
struct ScaleCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Set how many workers a deployment should have.")

    @Argument(help: "The deployment's name.")
    var deployment: String

    @Argument(help: "How many workers, 0 to 1000.")
    var workers: Int32

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 0...1_000 ~= workers else { throw ValidationError("A deployment has 0 to 1000 workers.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        try await session.queue.scale(deployment, to: workers)
        var facts = FactList()
        facts.append("deployment", key: "deployment", .text(deployment))
        facts.append("workers", key: "workers", .count(Int64(workers)))
        try console.show(facts)
        return .ok
    }
}
