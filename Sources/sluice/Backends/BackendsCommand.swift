import ArgumentParser

/// The commands about backends.
struct BackendsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends",
        abstract: "List, check and record backends.",
        subcommands: [
            BackendsListCommand.self, BackendsCheckCommand.self, BackendsRecordCommand.self,
            BackendsInspectCommand.self,
            BackendsTrialCommand.self,
        ])
}
