import ArgumentParser
import Fleet
import Simulation
import Terminal

/// What the simulated fleet is made of.
struct FleetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long a start takes: its median.", valueName: "seconds"))
    var coldStart = 30.0
    @Option(help: "How much starts differ: the standard deviation of the logarithm; 0: not at all.")
    var coldStartSigma = 0.0
    @Option(help: "The part of starts that fail, 0 to below 1.")
    var startFailures = 0.0
    @Option(help: "Jobs a worker runs at a time.")
    var slots = 1
    @Option(help: "The seed of start times, failures and jobs drawn from rates.")
    var seed: UInt64 = 1

    func validate() throws {
        guard 0.001...86_400 ~= coldStart, 0...3 ~= coldStartSigma else {
            throw ValidationError("A start takes 0.001 to 86,400 seconds, with a sigma of 0 to 3.")
        }
        guard 0..<1 ~= startFailures else { throw ValidationError("--start-failures is 0 to below 1.") }
        guard 1...ScalingRule.slotLimit ~= slots else {
            throw ValidationError("A worker has 1 to \(ScalingRule.slotLimit) slots.")
        }
    }

    /// The setting for this objective.
    func setting(objective: Double) -> FleetSetting {
        var setting = FleetSetting()
        setting.coldStart = Spread(median: coldStart, sigma: coldStartSigma)
        setting.startFailures = startFailures
        setting.slots = slots
        setting.objective = objective
        setting.seed = seed
        return setting
    }
}
