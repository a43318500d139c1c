import ArgumentParser
import Domain
import Queue
import Settings

struct ScaleCommand: AdminVerb {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Set how many workers a deployment should have, or what their number follows.",
        discussion: """
            A fixed number, or a rule:

              sluice scale local-v1 3
              sluice scale local-v1 --min-workers 0 --max-workers 4 --objective 20s --memory-per-worker 8GiB

            What is not named stays. The words are those of sluice.set_scaling; sluice.scaling_status shows the rule in \
            force, how many workers there should be, and why.
            """)

    @OptionGroup var target: DeploymentArgument
    @Argument(help: "A fixed number of workers, 0 to 1000.")
    var workers: Int32?
    @OptionGroup var rule: ScalingOptions
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        if let workers, !(0...1_000 ~= workers) { throw ValidationError("A deployment has 0 to 1000 workers.") }
        let isEmpty = rule.members.isEmpty && rule.slots == nil
        guard workers == nil || isEmpty else {
            throw ValidationError("Give either a fixed number of workers or a rule.")
        }
        guard workers != nil || !isEmpty else {
            throw ValidationError("Say how many workers, or a rule such as --min-workers 0 --max-workers 4.")
        }
    }

    var verb: FleetVerb {
        if let workers { return .scale(target.deployment, workers: workers) }
        var bytes: [UInt8] = []
        JSONOutput.object(rule.members).append(to: &bytes)
        return .scaleBy(target.deployment, slots: rule.slots, rule: bytes)
    }
}

/// A rule of scaling; SQL checks its values.
struct ScalingOptions: ParsableArguments {
    @Option(help: "The fewest workers; 0: to zero when there is nothing to do.")
    var minWorkers: Int32?
    @Option(help: "The most workers.")
    var maxWorkers: Int32?
    @Option(help: "Jobs a worker runs at a time, 1 to 4096; its workers are replaced.")
    var slots: Int32?
    @Option(help: "What the number follows: queue_delay, request_count, utilization, sql or schedule.")
    var scaler: String?
    @Option(help: ArgumentHelp("For queue_delay: jobs start within this, such as 20s.", valueName: "time"))
    var objective: JobsDuration?
    @Option(help: "For request_count, jobs for one worker; for sql, so much of its number.")
    var perWorker: Double?
    @Option(help: "For utilization: the part of the slots that should be busy, 0 to 1.")
    var utilization: Double?
    @Option(help: ArgumentHelp("For sql: a SELECT that returns one number.", valueName: "sql"))
    var query: String?
    @Option(help: ArgumentHelp("How long that may take, 10ms to 10s.", valueName: "time"))
    var queryTimeout: JobsDuration?
    @Option(help: ArgumentHelp("Windows with bounds of their own, a JSON list.", valueName: "json"))
    var schedule: String?
    @Option(help: ArgumentHelp("A number must be asked for this long before it is followed up.", valueName: "time"))
    var upStabilisation: JobsDuration?
    @Option(help: ArgumentHelp("A number must be enough this long before it is followed down.", valueName: "time"))
    var downStabilisation: JobsDuration?
    @Option(help: ArgumentHelp("How long a worker may be idle; learned when it is not said.", valueName: "time"))
    var idleTimeout: JobsDuration?
    @Option(help: ArgumentHelp("What a worker takes of its host's memory, such as 8GiB.", valueName: "size"))
    var memoryPerWorker: Size?
    @Option(help: "Who gets a full host: the higher, -1000 to 1000.")
    var priority: Int32?
    @Option(help: "The most worker-seconds an hour.")
    var budget: Double?
    @Option(help: "What a worker costs in an hour, in any currency.")
    var pricePerHour: Double?
    @Option(help: "The most that the workers of an hour may cost, in that currency.")
    var moneyPerHour: Double?
    @Flag(inversion: .prefixedNo, help: "Whether waiting jobs of the priorities 3 and 4 ask for workers.")
    var batchScales: Bool?
    @Option(help: "The part of the jobs that is to start in time, 0 to 1.")
    var attainment: Double?
    @Option(help: "The most that one more job in time may cost, in worker-seconds.")
    var missPrice: Double?
    @Flag(inversion: .prefixedNo, help: "Whether workers are started ahead of a peak that is foretold.")
    var forecast: Bool?
    @Option(help: "Which hosts get the workers: spread, pack, or external for none.")
    var spread: String?
    @Option(help: ArgumentHelp("Labels a host must have, a JSON object.", valueName: "json"))
    var hostLabels: String?
    @Flag(inversion: .prefixedNo, help: "Whether one may stay, in memory nobody wants, when there is nothing to do.")
    var preload: Bool?
    @Option(
        name: .customLong("default"), help: "A word of the rule that is to have its default again; may be repeated.")
    var defaults: [String] = []

    /// A size such as `8GiB`.
    struct Size: ExpressibleByArgument {
        var bytes: Int64

        init?(argument: String) {
            guard let count = ByteCount(settingsText: argument) else { return nil }
            bytes = Int64(count.bytes)
        }
    }

    func validate() throws {
        for (name, json) in [("--schedule", schedule), ("--host-labels", hostLabels)] {
            guard let json else { continue }
            var scanner = JSONScanner()
            do {
                try scanner.scan(Array(json.utf8).span)
            } catch {
                throw ValidationError("\(name) is JSON: \(error).")
            }
        }
    }

    /// What was said, as `sluice.set_scaling` takes it.
    var members: [JSONOutput.Member] {
        var members: [JSONOutput.Member] = []
        func append(_ name: String, _ value: JSONOutput?) { if let value { members.append(.init(name, value)) } }
        func number(_ value: Int32?) -> JSONOutput? { value.map { .integer(Int64($0)) } }
        func time(_ value: JobsDuration?) -> JSONOutput? { value.map { .integer($0.value.wholeMilliseconds) } }
        func raw(_ value: String?) -> JSONOutput? { value.map { .raw(Array($0.utf8)) } }
        append("min_workers", number(minWorkers))
        append("max_workers", number(maxWorkers))
        append("scaler", scaler.map(JSONOutput.string))
        append("objective_ms", time(objective))
        append("per_worker", perWorker.map(JSONOutput.number))
        append("utilization", utilization.map(JSONOutput.number))
        append("query", query.map(JSONOutput.string))
        append("query_timeout_ms", time(queryTimeout))
        append("schedule", raw(schedule))
        append("up_stabilisation_ms", time(upStabilisation))
        append("down_stabilisation_ms", time(downStabilisation))
        append("idle_timeout_ms", time(idleTimeout))
        append("memory_per_worker", memoryPerWorker.map { .integer($0.bytes) })
        append("priority", number(priority))
        append("budget", budget.map(JSONOutput.number))
        append("price_per_hour", pricePerHour.map(JSONOutput.number))
        append("money_per_hour", moneyPerHour.map(JSONOutput.number))
        append("batch_scales", batchScales.map(JSONOutput.bool))
        append("attainment", attainment.map(JSONOutput.number))
        append("miss_price", missPrice.map(JSONOutput.number))
        append("forecast", forecast.map(JSONOutput.bool))
        append("spread", spread.map(JSONOutput.string))
        append("host_labels", raw(hostLabels))
        append("preload", preload.map(JSONOutput.bool))
        for name in defaults { append(name, .null) }
        return members
    }
}
