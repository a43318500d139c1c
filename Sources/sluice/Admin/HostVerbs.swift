import ArgumentParser
import Queue

/// The name of a host.
struct HostArgument: ParsableArguments {
    @Argument(help: "The host's name, as sluice.host_status has it.")
    var host: String
}

struct DrainHostCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain-host", abstract: "Move a host's workers to other hosts.",
        discussion: "Its workers finish what they hold and end; others start as many. restore-host brings it back.")

    @OptionGroup var target: HostArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .drainHost(target.host) }
}

struct RestoreHostCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "restore-host", abstract: "Let a host that was drained have workers again.")

    @OptionGroup var target: HostArgument
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .restoreHost(target.host) }
}
