import ArgumentParser
import Fleet
import Domain
import Queue

struct SetWeightsCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-weights", abstract: "Divide a model's traffic by weight.",
        discussion: "sluice admin set-weights chat local-v1=90 local-v2=10")

    /// `name=weight`.
    struct Weight: ExpressibleByArgument {
        var name: String
        var weight: Int64

        init?(argument: String) {
            guard let sign = argument.lastIndex(of: "="), sign > argument.startIndex,
                let weight = Int64(argument[argument.index(after: sign)...]), 0...10_000 ~= weight
            else { return nil }
            (name, self.weight) = (String(argument[..<sign]), weight)
        }
    }

    @Argument(help: "The model.")
    var model: String
    @Argument(help: "Deployments with their weights, 0 to 10000; those not named keep theirs.")
    var weights: [Weight]
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard Set(weights.map(\.name)).count == weights.count else {
            throw ValidationError("A deployment is named twice.")
        }
    }

    var verb: FleetVerb {
        var bytes: [UInt8] = []
        JSONOutput.object(weights.map { .init($0.name, .integer($0.weight)) }).append(to: &bytes)
        return .setWeights(model: model, weights: bytes)
    }
}

struct SetStrategyCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-strategy", abstract: "Set how a model's traffic is divided.")

    @Argument(help: "The model.")
    var model: String
    @Argument(help: "How.")
    var strategy: ShareStrategy
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .setStrategy(model: model, strategy: strategy.rawValue) }
}

extension ShareStrategy: ExpressibleByArgument {}

struct SetFallbacksCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "set-fallbacks", abstract: "Set which models answer in place of one that cannot.",
        discussion: """
            sluice admin set-fallbacks chat chat-small chat-tiny

            They are asked in this order when a job has used up its attempts, and when no deployment of the model can serve. \
            The job says who answered. Without any nobody does.
            """)

    @OptionGroup var target: ModelArgument
    @Argument(help: "At most 4 other models, the first choice first.")
    var fallbacks: [String] = []
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .setFallbacks(model: target.model, fallbacks) }
}

struct RetryDeadCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "retry-dead", abstract: "Queue failed and quarantined jobs again, the oldest first.")

    @Option(help: "Of this model only.")
    var model: String?
    @Option(help: "At most this many, 1 to 100000.")
    var atMost: Int32 = 1_000
    @OptionGroup var admin: AdminOptions

    var verb: FleetVerb { .retryDead(model: model, atMost: atMost) }
}

struct CancelWhereCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel-where", abstract: "Cancel jobs that match everything given, the oldest first.")

    @Option(help: "Of this model.")
    var model: String?
    @Option(help: "Of this tenant.")
    var tenant: String?
    @Option(help: "Of this batch.")
    var batch: Int32?
    @Option(help: ArgumentHelp("Accepted longer ago than this.", valueName: "seconds"))
    var olderThan: Int32?
    @Flag(help: "Running jobs, too: their workers are told to stop them.")
    var includingRunning = false
    @Option(help: "At most this many, 1 to 100000.")
    var atMost: Int32 = 1_000
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard model != nil || tenant != nil || batch != nil || olderThan != nil else {
            throw ValidationError("Say which jobs: --model, --tenant, --batch or --older-than.")
        }
    }

    var verb: FleetVerb {
        var selection = FleetVerb.JobSelection()
        (selection.model, selection.tenant, selection.batch) = (model, tenant, batch)
        (selection.olderThanSeconds, selection.includesRunning, selection.atMost) = (
            olderThan, includingRunning, atMost
        )
        return .cancelWhere(selection)
    }
}
