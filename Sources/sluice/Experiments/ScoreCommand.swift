import ArgumentParser
import Queue
import Terminal

/// `sluice score`
struct ScoreCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Say how good an answer is; experiments compare their arms by it.",
        discussion: "The last word counts. What the numbers mean is yours to say: 0 and 1, or one to five stars.")

    @Argument(help: "The job that was answered.")
    var job: Int64
    @Argument(help: "A number, -1000000 to 1000000.")
    var value: Double
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        try await Session.open(database).queue.score(job, value)
        console.note("Job \(job) has the score \(value).")
        return .ok
    }
}
