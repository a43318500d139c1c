import ArgumentParser
import Queue

/// The name of a deployment.
struct DeploymentArgument: ParsableArguments {
    @Argument(help: "The deployment's name.")
    var deployment: String
}

struct IsolateCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "isolate", abstract: "Take a deployment out of the traffic; its workers stay.")

    @OptionGroup var target: DeploymentArgument
    @Flag(help: "Even when no other deployment serves the model.")
    var force = false
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .isolate(target.deployment, force: force) }
}

struct RestoreCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Give a deployment that was taken out its part of the traffic back.",
        discussion: """
            At once, or with --ramp in steps that the controller judges. That its breaker took it out makes no difference.
            """)

    @OptionGroup var target: DeploymentArgument
    @Flag(help: "Step by step; a bad step takes it out again.")
    var ramp = false
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .restore(target.deployment, byRamp: ramp) }
}

struct DrainCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Take a deployment out of the traffic and end its workers when they are done.")

    @OptionGroup var target: DeploymentArgument
    @Flag(help: "Even when no other deployment serves the model.")
    var force = false
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .drain(target.deployment, force: force) }
}

struct PauseCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "A deployment claims nothing; the jobs of its part wait.")

    @OptionGroup var target: DeploymentArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .pause(target.deployment) }
}

struct ResumeCommand: AdminVerb {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "End a pause.")

    @OptionGroup var target: DeploymentArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .resume(target.deployment) }
}

struct SwapCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "swap", abstract: "Give one deployment's traffic to another, in one moment.",
        discussion: "The old one is isolated and keeps its workers, so that the way back is one more swap.")

    @Argument(help: "The deployment that serves.")
    var old: String
    @Argument(help: "The one to take its place.")
    var new: String
    @Flag(help: "Even while the new one has no running worker.")
    var force = false
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .swap(old: old, new: new, force: force) }
}

struct SetDeploymentLimitsCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-deployment-limits", abstract: "Set what a deployment may be asked for at most.",
        discussion: """
            sluice admin set-deployment-limits chat-api '{"concurrency": 20, "requests_per_minute": 600}'

            All its workers together keep to it; what is over it goes to other deployments that have room, or waits. There \
            are concurrency, requests_per_minute and tokens_per_minute. What is not named stays; null is no limit.
            """)

    @OptionGroup var target: DeploymentArgument
    @Argument(help: ArgumentHelp("A JSON object.", valueName: "json"))
    var limits: String
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .setDeploymentLimits(target.deployment, limits: Array(limits.utf8)) }
}

struct SetTierCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-tier", abstract: "Set a deployment's tier, for the strategy priority.")

    @OptionGroup var target: DeploymentArgument
    @Argument(help: "0 to 100; higher tiers get traffic only while no lower one serves.")
    var tier: Int32
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .setTier(target.deployment, tier: tier) }
}
