import ArgumentParser
import Domain
import Fleet
import FoundationEssentials
import Simulation
import Terminal

/// Tries a scaling rule on a trace.
struct SimulateCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Try a scaling rule on recorded traffic, against other systems' rules.",
        discussion: """
            The trace is a CSV file with a header or JSON lines, one of those that come with the program \
            (\(BundledTrace.allCases.map(\.rawValue).joined(separator: ", "))), or the queue's own history. The policy is the \
            one that scales real workers, in virtual time; the same seed gives the same figures.

              sluice simulate azure-code --cold-start 25 --objective 30 --svg fleet.svg
              sluice simulate --from-history 24h --deployment chat --rule 'max_workers=8 objective=15'

            A rule's words: \(ScalingRule.words).
            """)

    @Argument(help: "The trace: a file, - for standard input, or the name of one that comes with the program.")
    var trace: String?

    @Option(help: ArgumentHelp("Replay the jobs of the last while instead, such as 24h.", valueName: "time"))
    var fromHistory: JobsDuration?
    @Option(
        help: ArgumentHelp(
            "Of the history, the jobs of this deployment, by its rule, with its slots and the starts it had.",
            valueName: "name"))
    var deployment: String?
    @Option(help: ArgumentHelp("The rule: words such as max_workers=8.", valueName: "words"))
    var rule = ""
    @Option(
        help: ArgumentHelp(
            "Within what time a job is to start, such as 15s; else the rule's, or 30s.", valueName: "time"))
    var objective: SecondsOption?
    @Option(
        help: ArgumentHelp(
            "Who takes part, with commas: sluice, keda, knative, runpod-delay, runpod-count, fixed, fixed:N.",
            valueName: "names"))
    var policy = "sluice,keda,knative,runpod-delay,runpod-count,fixed"
    @Option(help: ArgumentHelp("Rates of a trace are multiplied with this.", valueName: "factor"))
    var scale: Double?
    @Option(help: ArgumentHelp("Draw the first policy's run into this file.", valueName: "file"), completion: .file())
    var svg: String?

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard (trace == nil) != (fromHistory == nil) else {
            throw ValidationError("Name a trace, or --from-history.")
        }
        guard deployment == nil || fromHistory != nil else {
            throw ValidationError("--deployment goes with --from-history.")
        }
        guard 0...86_400 ~= objective?.seconds ?? 30 else {
            throw ValidationError("The objective is 0 to 86,400 seconds.")
        }
        if let scale, !(scale > 0 && scale.isFinite) { throw ValidationError("--scale is above 0.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let (trace, deployment) = try await readTrace()
        var rule = ScalingRule()
        rule.maxWorkers = 100
        if let deployment, !deployment.isFixed { rule = deployment.rule }
        rule.slots = fleet.slots ?? deployment?.rule.slots ?? 1
        if let objective { rule.scaler = .queueDelay(objective: .seconds(objective.seconds)) }
        try rule.change(words: self.rule)
        let setting = fleet.setting(objective: objective?.seconds ?? rule.objective ?? 30, of: deployment)
        var contest = SimulatedContest(
            trace, setting, rule, pricePerHour: fleet.pricePerHour ?? rule.pricePerHour,
            showsBounds: console.options.isJSON)
        try await contest.run(policy.split(separator: ",").map(String.init), isDrawn: svg != nil)
        if let svg, let chart = contest.chart {
            do {
                try Data(chart.utf8).write(to: URL(filePath: svg))
            } catch {
                throw CommandFailure(.cannotCreate, "The file \(svg) cannot be written.", fix: "Check the folder.")
            }
        }
        console.note(contest.summary)
        try console.show(contest.table)
        return .ok
    }

    /// The trace, and of the history of a deployment what that is today.
    private func readTrace() async throws -> (Trace, DeploymentInForce?) {
        if let fromHistory {
            let session = try await Session.open(database)
            var inForce: DeploymentInForce?
            if let deployment { inForce = try await DeploymentInForce.read(deployment, session.connection) }
            let trace = try await QueueHistory.trace(
                session.connection, seconds: fromHistory.value.seconds, deployment: deployment)
            return (trace, inForce)
        }
        let name = trace ?? "-"
        var assumptions = TraceReader.Assumptions()
        assumptions.scale = scale
        assumptions.seed = fleet.seed
        do {
            if let bundled = BundledTrace(rawValue: name) { return (try bundled.trace(assumptions), nil) }
            let bytes = try await SubmitInput.read(name, atMost: 512 << 20, of: "a trace")
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure(.dataInvalid, "\(name) is not UTF-8.")
            }
            return (try TraceReader(assumptions).read(text, name: name), nil)
        } catch let error as TraceReader.Malformed {
            throw CommandFailure(.dataInvalid, error.description)
        }
    }
}
