import Admission
import ArgumentParser
import Domain
import Queue
import Terminal

/// `sluice guards`: what gateways let into the queue.
struct GuardsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guards", abstract: "Say what requests may look like, and how many may wait.",
        subcommands: [
            GuardsListCommand.self, GuardsSetCommand.self, GuardsBoundsCommand.self, GuardsBoundCommand.self,
        ])
}

/// Lists the guards of models.
struct GuardsListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List what is checked of the requests of each model that has a guard.")

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var table = TextTable([
            .init("MODEL", key: "model"), .init("BODY BYTES", key: "body_bytes"), .init("DEPTH", key: "depth"),
            .init("PROMPT", key: "prompt_characters"), .init("MIN TOKENS", key: "min_tokens"),
            .init("MAX TOKENS", key: "max_tokens"), .init("CONTROL", key: "control_characters"),
            .init("UNKNOWN", key: "unknown_fields"), .init("EXTRA", key: "extra_fields", canShrink: true),
        ])
        func cell(_ value: Int32?) -> Cell { value.map { .count(Int64($0)) } ?? .none }
        for guardOfModel in try await session.queue.guards() {
            table.append([
                .text(guardOfModel.model), cell(guardOfModel.bodyBytes), cell(guardOfModel.depth),
                cell(guardOfModel.promptCharacters), cell(guardOfModel.leastTokens), cell(guardOfModel.mostTokens),
                .text(guardOfModel.controlCharacters), .text(guardOfModel.unknownFields),
                .text(guardOfModel.extraFields.joined(separator: " ")),
            ])
        }
        try console.show(table)
        return .ok
    }
}

/// Sets the guard of a model.
struct GuardsSetCommand: AuditedCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what gateways check of a model's requests before they are queued.",
        discussion: """
            What is not given is not checked. It holds for single requests and for the lines of batch files, within seconds.

              sluice guards set demo --prompt-characters 20000 --max-tokens 4096 --unknown-fields strip
            """)

    @Argument(help: "The model.")
    var model: String
    @Option(help: ArgumentHelp("The largest request.", valueName: "n"))
    var bodyBytes: Int32?
    @Option(help: ArgumentHelp("How deep its JSON may nest, 1 to 1000.", valueName: "n"))
    var depth: Int32?
    @Option(help: ArgumentHelp("The longest prompt: characters of all its texts.", valueName: "n"))
    var promptCharacters: Int32?
    @Option(help: ArgumentHelp("The least that max_tokens is clamped to.", valueName: "n"))
    var minTokens: Int32 = 1
    @Option(help: ArgumentHelp("The most; it is set where a request says nothing.", valueName: "n"))
    var maxTokens: Int32?
    @Option(help: "What becomes of control characters in prompts: pass, strip or refuse.")
    var controlCharacters: RequestGuard.Policy = .pass
    @Option(help: "What becomes of fields the OpenAI API does not know: pass, strip or refuse.")
    var unknownFields: RequestGuard.Policy = .pass
    @Option(help: ArgumentHelp("A field that is known nevertheless; again for more.", valueName: "name"))
    var extraField: [String] = []
    @OptionGroup var admin: AdminOptions

    func perform(_ console: Console) async throws -> ProcessExit {
        try await admin.perform(console) { queue, why in
            try await queue.setGuard(
                ModelGuard(
                    model: model, bodyBytes: bodyBytes, depth: depth, promptCharacters: promptCharacters,
                    leastTokens: minTokens, mostTokens: maxTokens, controlCharacters: controlCharacters.rawValue,
                    unknownFields: unknownFields.rawValue, extraFields: extraField), why: why)
        }
    }
}

extension RequestGuard.Policy: ExpressibleByArgument {}
