import ArgumentParser
import Fleet
import Settings
import Simulation
import Terminal

/// What the simulated fleet is made of.
struct FleetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long a start takes: its median, such as 25s. Of a deployment with starts: theirs; else 30s.",
            valueName: "time"))
    var coldStart: SecondsOption?
    @Option(
        help:
            "How much starts differ: the standard deviation of the logarithm. Of a deployment with starts: theirs; else 0."
    )
    var coldStartSigma: Double?
    @Option(help: "The part of starts that fail, 0 to below 1.")
    var startFailures = 0.0
    @Option(help: "Jobs a worker runs at a time. Of a deployment: its slots; else 1.")
    var slots: Int?
    @Option(help: "What a worker costs in an hour, to see what each would have cost. Of a rule with a price: that.")
    var pricePerHour: Double?
    @Option(help: "The seed of start times, failures and jobs drawn from rates.")
    var seed: UInt64 = 1

    func validate() throws {
        guard 0.001...86_400 ~= coldStart?.seconds ?? 30, 0...3 ~= coldStartSigma ?? 0 else {
            throw ValidationError("A start takes 0.001 to 86,400 seconds, with a sigma of 0 to 3.")
        }
        guard (pricePerHour ?? 1) > 0, (pricePerHour ?? 1) <= 1e9 else {
            throw ValidationError("--price-per-hour is above 0, at most 1e9.")
        }
        guard 0..<1 ~= startFailures else { throw ValidationError("--start-failures is 0 to below 1.") }
        guard 1...ScalingRule.slotLimit ~= slots ?? 1 else {
            throw ValidationError("A worker has 1 to \(ScalingRule.slotLimit) slots.")
        }
    }

    /// The setting for this objective: what was said, else what `deployment` is, else the defaults.
    func setting(objective: Double, of deployment: DeploymentInForce? = nil) -> FleetSetting {
        var setting = FleetSetting()
        // Who says how long a start takes means that, not how much the deployment's differ.
        let known = coldStart == nil ? deployment?.coldStart : nil
        setting.coldStart = Spread(
            median: coldStart?.seconds ?? max(0.001, known?.median ?? 30), sigma: coldStartSigma ?? known?.sigma ?? 0)
        setting.startFailures = startFailures
        setting.slots = slots ?? deployment?.rule.slots ?? 1
        setting.objective = objective
        setting.seed = seed
        return setting
    }
}

/// Seconds on the command line: `25`, `2.5`, `25s`, `500ms`.
struct SecondsOption: ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
        let found = Double(argument) ?? Duration(settingsText: argument)?.seconds
        guard let found, found.isFinite else { return nil }
        seconds = found
    }
}
