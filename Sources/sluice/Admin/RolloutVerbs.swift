import ArgumentParser
import Queue

/// The name of a model.
struct ModelArgument: ParsableArguments {
    @Argument(help: "The model.")
    var model: String
}

struct RolloutCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Let a deployment take the place of another in judged steps.",
        discussion: """
            Each step is compared with the deployment that serves; a bad one rolls back. Declare the new deployment with \
            `sluice deploy --isolated`, so that it gets no traffic before. sluice.rollouts shows how far it is.
            """)

    @OptionGroup var target: DeploymentArgument
    @Option(help: "The deployment whose place it takes; may be left out when one serves.")
    var over: String?
    @Option(name: .customLong("gate"), help: "A percentage at which to wait for resume-rollout; may be repeated.")
    var gates: [Int32] = []
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard gates.allSatisfy({ 1...100 ~= $0 }) else { throw ValidationError("A gate is a percentage, 1 to 100.") }
    }

    var verb: FleetVerb { .rollout(target.deployment, over: over, gates: gates) }
}

struct PromoteCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Give the new version of a rollout everything, at once.")

    @OptionGroup var target: ModelArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .promote(model: target.model) }
}

struct RollbackCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Take the new version of a rollout out, at once.")

    @OptionGroup var target: ModelArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .rollback(model: target.model) }
}

struct PauseRolloutCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "pause-rollout", abstract: "Let a rollout stay where it is; a bad step still rolls it back.")

    @OptionGroup var target: ModelArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .pauseRollout(model: target.model) }
}

struct ResumeRolloutCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "resume-rollout", abstract: "Let a paused rollout go on, or pass its gate.")

    @OptionGroup var target: ModelArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .resumeRollout(model: target.model) }
}

struct SetPolicyCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-policy", abstract: "Set when deployments of a model are isolated and how they come back.",
        discussion: """
            sluice admin set-policy chat '{"error_percent": 5, "open_ms": 60000}'

            What is not named stays; null is the default again. The comment of sluice.set_policy lists what there is.
            """)

    @OptionGroup var target: ModelArgument
    @Argument(help: ArgumentHelp("A JSON object.", valueName: "json"))
    var policy: String
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .setPolicy(model: target.model, policy: Array(policy.utf8)) }
}
