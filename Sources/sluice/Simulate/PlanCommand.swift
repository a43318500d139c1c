import ArgumentParser
import Domain
import Fleet
import Postgres
import Simulation
import Terminal

/// What a change would do before it is made.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "See what a change would do before it is made.",
        subcommands: [PlanScaleCommand.self])
}

/// Today's number of workers against a proposed rule, on the last day's jobs.
struct PlanScaleCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Compare today's rule of a deployment with another, on the jobs it ran.",
        discussion: """
            Replays the jobs the deployment ran in the last day, in virtual time, under both: what each would have cost, and \
            how many jobs would have waited longer than the objective. Changes nothing.

              sluice plan scale chat --rule 'max_workers=8 objective=15'

            A rule's words: \(ScalingRule.words).
            """)

    @Argument(help: "The deployment.")
    var deployment: String
    @Option(help: ArgumentHelp("The proposed rule: words that change today's.", valueName: "words"))
    var rule: String
    @Option(help: ArgumentHelp("How far back its jobs are taken.", valueName: "time"))
    var history = JobsDuration(value: .seconds(86_400))
    @OptionGroup var fleet: FleetOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    private static let today = Statement(
        "plan_scale_today",
        "select d.workers, to_regclass('sluice.scaling') is not null from sluice.deployment d where d.name = $1::text")
    private static let declared = Statement(
        "plan_scale_declared",
        """
        select s.min_workers, s.max_workers, s.scaler::text, s.objective_ms, s.per_worker, s.utilization,
            s.up_stabilisation_ms, s.down_stabilisation_ms, s.idle_timeout_ms, s.budget, s.attainment, s.miss_price, s.forecast
        from sluice.scaling s join sluice.deployment d on d.id = s.deployment_id
        where d.name = $1::text and s.min_workers is not null
        """)

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        let today = try await todaysRule(session.connection)
        var proposed = today
        try proposed.change(words: rule)
        let trace = try await QueueHistory.trace(
            session.connection, seconds: history.value.seconds, deployment: deployment)
        var table = TextTable([
            .init("RULE", key: "rule"), .init("IN TIME", key: "attainment"), .init("WAITED LONGER", key: "late"),
            .init("WORKER-S", key: "worker_seconds"), .init("STARTS", key: "starts"), .init("P50", key: "wait_p50"),
            .init("P95", key: "wait_p95"), .init("P99", key: "wait_p99"),
        ])
        // Both are judged by the proposed objective.
        let setting = fleet.setting(objective: proposed.objective ?? 30)
        for (name, rule) in [("today", today), ("proposed", proposed)] {
            let report = SimulatedFleet.run(trace, AutoscalerPolicy(rule: rule, epoch: trace.epoch), setting)
            let late = Double(report.jobs) * (1 - report.attainment)
            table.append([
                .text(name), .number(report.attainment * 100, decimals: 2), .count(Int64(late.rounded())),
                .number(report.workerSeconds, decimals: 0), .count(Int64(report.starts)),
                .number(report.wait(quantile: 0.5), decimals: 1), .number(report.wait(quantile: 0.95), decimals: 1),
                .number(report.wait(quantile: 0.99), decimals: 1),
            ])
        }
        console.note(
            "\(trace.name): \(HumanFormat.count(Int64(trace.arrivals.count))) jobs; in time is within "
                + "\(HumanFormat.duration(.seconds(setting.objective))). Both begin without workers.")
        try console.show(table)
        return .ok
    }

    /// The rule in force; a deployment without one has always the same number.
    private func todaysRule(_ connection: Connection) async throws -> ScalingRule {
        guard let row = try await connection.query(Self.today, deployment).first else {
            throw CommandFailure(.usage, "There is no deployment \(deployment).", fix: "See `sluice status`.")
        }
        let (workers, hasRules) = try row.decode((Int32, Bool).self)
        var rule = ScalingRule()
        rule.minWorkers = Int(workers)
        rule.maxWorkers = Int(workers)
        rule.slots = fleet.slots
        guard hasRules, let declared = try await connection.query(Self.declared, deployment).first else { return rule }
        rule.minWorkers = Int(try declared.decode(0) as Int32)
        rule.maxWorkers = Int(try declared.decode(1) as Int32)
        let scaler: String = try declared.decode(2)
        switch scaler {
        case "queue_delay": rule.scaler = .queueDelay(objective: .milliseconds(try declared.decode(3) as Int32))
        case "request_count": rule.scaler = .requestCount(perWorker: try declared.decode(4))
        case "utilization": rule.scaler = .utilization(target: try declared.decode(5))
        default:
            throw CommandFailure(
                .usage, "A rule with the scaler \(scaler) cannot be replayed: what it follows is not in the history.")
        }
        rule.upStabilisation = .milliseconds(try declared.decode(6) as Int32)
        rule.downStabilisation = .milliseconds(try declared.decode(7) as Int32)
        rule.idleTimeout = (try declared.decode(8) as Int32?).map { .milliseconds($0) }
        rule.budget = try declared.decode(9)
        rule.attainment = try declared.decode(10)
        rule.missPrice = try declared.decode(11)
        rule.forecast = try declared.decode(12)
        return rule
    }
}
