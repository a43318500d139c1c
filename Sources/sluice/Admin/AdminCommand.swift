import ArgumentParser
import Domain
import Queue
import Terminal

/// `sluice admin`: steering the fleet. Each verb calls the SQL function of its name.
struct AdminCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Steer the fleet: isolate, restore, roll out, divide the traffic, redrive.",
        discussion: """
            Every verb is a function of the same name in SQL, which may be called there as well:

              select sluice.isolate('local-v2', why => 'answers garbage');

            What was done, by whom and why is in sluice.audit; the decisions of the system itself in sluice.decisions.
            """,
        subcommands: [
            IsolateCommand.self, RestoreCommand.self, DrainCommand.self, PauseCommand.self, ResumeCommand.self,
            SwapCommand.self, ScaleCommand.self, DrainHostCommand.self, RestoreHostCommand.self, SetWeightsCommand.self,
            SetStrategyCommand.self, SetTierCommand.self, SetDeploymentLimitsCommand.self,
            RolloutCommand.self, PromoteCommand.self, RollbackCommand.self, PauseRolloutCommand.self,
            ResumeRolloutCommand.self, SetPolicyCommand.self, SetFallbacksCommand.self, RetryDeadCommand.self,
            CancelWhereCommand.self,
        ])
}

/// A command whose change is a row of `sluice.audit`.
protocol AuditedCommand: SluiceCommand {
    var admin: AdminOptions { get }
}

extension AuditedCommand {
    var output: OutputFlags { admin.output }
}

/// A verb of `sluice admin`.
protocol AdminVerb: AuditedCommand {
    /// What is to be done.
    var verb: FleetVerb { get throws }
}

/// What every one of them takes.
struct AdminOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A reason, for the record.", valueName: "text"))
    var why: String?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard (why?.utf8.count ?? 0) <= 300 else { throw ValidationError("A reason has at most 300 bytes.") }
    }

    /// Makes a change in the name of whoever runs this program, and shows the sentence it returns.
    func perform(
        _ console: Console, _ change: (Queue, _ why: String?) async throws -> String
    ) async throws -> ProcessExit {
        let session = try await Session.openForChanges(database)
        let sentence = try await change(session.queue, why)
        if console.options.isJSON {
            try console.show(["did": .string(sentence)])
        } else {
            try console.show([sentence])
        }
        return .ok
    }
}

extension AdminVerb {
    func perform(_ console: Console) async throws -> ProcessExit {
        let verb = try verb
        return try await admin.perform(console) { queue, why in try await queue.perform(verb, why: why) }
    }
}
