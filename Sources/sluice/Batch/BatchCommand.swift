import ArgumentParser

/// Files of requests in OpenAI's batch format.
struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Send files of requests in OpenAI's batch format, and collect their results.",
        subcommands: [
            BatchSubmitCommand.self, BatchStatusCommand.self, BatchWaitCommand.self, BatchCancelCommand.self,
            BatchListCommand.self, BatchResultsCommand.self,
        ])
}
