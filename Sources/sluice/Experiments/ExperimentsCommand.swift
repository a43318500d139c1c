import ArgumentParser
import Domain
import Postgres
import Queue
import Terminal

/// `sluice experiments`: arms of a model side by side.
struct ExperimentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiments",
        abstract: "Split a model between arms, and see which is better.",
        discussion: """
            The same in SQL: sluice.start_experiment, sluice.stop_experiment, and the views sluice.experiments and \
            sluice.experiment_report.
            """,
        subcommands: [
            ExperimentsListCommand.self, ExperimentsShowCommand.self, ExperimentsStartCommand.self,
            ExperimentsStopCommand.self,
        ])
}

/// Lists experiments.
struct ExperimentsListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List experiments, those that run first.")

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database).queue
        var table = TextTable([
            .init("EXPERIMENT", key: "experiment"), .init("MODEL", key: "model"), .init("STATE", key: "state"),
            .init("UNIT", key: "unit"), .init("SALT", key: "salt"), .init("STARTED", key: "started_at"),
            .init("STOPPED", key: "stopped_at"), .init("REASON", key: "reason", canShrink: true),
        ])
        for experiment in try await queue.experiments() {
            table.append([
                .text(experiment.name), .text(experiment.model), .word(experiment.state), .text(experiment.unit),
                .text(experiment.salt), time(experiment.startedAt), experiment.stoppedAt.map(time) ?? .none,
                .text(experiment.reason),
            ])
        }
        try console.show(table)
        return .ok
    }

    private func time(_ milliseconds: Int64) -> Cell {
        JobsShown.time(Timestamp(unixSeconds: Double(milliseconds) / 1_000))
    }
}

/// Starts one.
struct ExperimentsStartCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Split a model between arms from now on.",
        discussion: """
            sluice experiments start tone demo '[
                {"name": "control", "percent": 50},
                {"name": "kind", "percent": 50, "prompt_prefix": "Be kind."}]' --plan '{"primary": "score"}'

            The first arm that is no shadow is the control. An arm may name a deployment, parameters (members of \
            requests), a prompt_prefix, prompt_price and completion_price of a million tokens; one with "shadow": true \
            gets copies, whose answers are only recorded. The comment of sluice.start_experiment lists what a plan has.
            """)

    @Argument(help: "The experiment's own name.")
    var name: String
    @Argument(help: "The model.")
    var model: String
    @Argument(help: ArgumentHelp("The arms: a JSON list of objects, or @FILE.", valueName: "json"))
    var arms: TextArgument
    @Option(help: "What is drawn for where a job has no affinity key: job or tenant.")
    var unit: Unit = .job
    @Option(help: ArgumentHelp("What it is to show: a JSON object, or @FILE.", valueName: "json"))
    var plan: TextArgument?
    @Option(help: "What sets its draw apart from others'; the name unless given.")
    var salt: String?
    @OptionGroup var admin: AdminOptions

    /// A word of `sluice.experiment_unit`.
    enum Unit: String, ExpressibleByArgument, CaseIterable { case job, tenant }

    var verb: FleetVerb {
        get throws {
            var request = FleetVerb.ExperimentRequest(name, model: model, arms: Array(try arms.text().utf8))
            request.unit = unit.rawValue
            if let plan { request.plan = Array(try plan.text().utf8) }
            request.salt = salt
            return .startExperiment(request)
        }
    }
}

/// Ends one.
struct ExperimentsStopCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End an experiment; what it has shown stays.")

    @Argument(help: "The experiment.")
    var name: String
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .stopExperiment(name) }
}
