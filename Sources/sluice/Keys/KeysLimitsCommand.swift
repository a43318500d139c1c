import ArgumentParser
import Domain
import Queue
import Terminal

/// Sets how much a key or a tenant may ask for.
struct KeysLimitsCommand: AuditedCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "Set what a key, or all keys of a tenant together, may ask of all gateways together.",
        discussion: """
            What is not given is not limited. Gateways follow within seconds. A key keeps its limits when it is rotated.

              sluice keys limits 7 --requests 600 --concurrency 20
              sluice keys limits --tenant default --tokens 100000
            """)

    @Argument(help: "The key's number, as `sluice keys list` shows it.")
    var id: Int32?
    @Option(help: ArgumentHelp("The tenant, in place of a key.", valueName: "name"))
    var tenant: String?
    @Option(help: ArgumentHelp("Requests in a minute.", valueName: "n"))
    var requests: Int32?
    @Option(help: ArgumentHelp("Tokens in a minute, of prompts and answers.", valueName: "n"))
    var tokens: Int64?
    @Option(help: ArgumentHelp("Requests at a time.", valueName: "n"))
    var concurrency: Int32?
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard (id == nil) != (tenant == nil) else { throw ValidationError("Name a key or a tenant.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        try await admin.perform(console) { queue, why in
            try await queue.setLimits(
                tenant: tenant, key: id, requestsPerMinute: requests, tokensPerMinute: tokens, concurrency: concurrency,
                why: why)
        }
    }
}
