import ArgumentParser
import Domain
import Fleet
import Postgres
import Queue
import Simulation
import Supervisor
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
    @Option(help: ArgumentHelp("How far back its jobs are taken; a day unless told.", valueName: "time"))
    var history: JobsDuration?
    @OptionGroup var fleet: FleetOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    private static let today = Statement(
        "plan_scale_today",
        """
        select d.id, d.workers, d.slots, (
                select to_jsonb(s)::text from sluice.scaling s where s.deployment_id = d.id and s.min_workers is not null),
            (select percentile_cont(0.5) within group (order by c.p50_seconds)::float8
                from sluice.cold_starts c where c.deployment = d.name)
        from sluice.deployment d where d.name = $1::text
        """)

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var (today, start) = try await inForce(session.connection)
        if let slots = fleet.slots { today.slots = slots }
        var proposed = today
        try proposed.change(words: rule)
        let trace = try await QueueHistory.trace(
            session.connection, seconds: (history?.value ?? .seconds(86_400)).seconds, deployment: deployment)
        var table = TextTable([
            .init("RULE", key: "rule"), .init("IN TIME", key: "attainment"), .init("WAITED LONGER", key: "late"),
            .init("WORKER-S", key: "worker_seconds"), .init("STARTS", key: "starts"), .init("P50", key: "wait_p50"),
            .init("P95", key: "wait_p95"), .init("P99", key: "wait_p99"),
        ])
        // Both are judged by the proposed objective.
        let setting = fleet.setting(objective: proposed.objective ?? 30, slots: today.slots, coldStart: start)
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

    /// The rule in force, and how long starts took, if there were any; without a rule there is always the same number.
    private func inForce(_ connection: Connection) async throws -> (rule: ScalingRule, start: Double?) {
        guard let row = try await connection.query(Self.today, deployment).first else {
            throw CommandFailure(.usage, "There is no deployment \(deployment).", fix: "See `sluice status`.")
        }
        let (id, workers, slots, declared, start) = try row.decode((Int32, Int32, Int32, String?, Double?).self)
        guard let declared else {
            var rule = ScalingRule()
            (rule.minWorkers, rule.maxWorkers, rule.slots) = (Int(workers), Int(workers), Int(slots))
            return (rule, start)
        }
        do {
            let rule = try DeclaredScaling(
                ScaledDeployment(id: id, name: deployment, slots: slots, rule: declared, desired: workers)
            ).rule
            if case .query = rule.scaler {
                throw CommandFailure(
                    .usage, "A rule with the scaler sql cannot be replayed: what it follows is not in the history.")
            }
            return (rule, start)
        } catch let error as DeclaredScaling.Unreadable {
            throw CommandFailure(.dataInvalid, error.description)
        }
    }
}
