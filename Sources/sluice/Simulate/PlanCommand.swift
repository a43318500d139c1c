import ArgumentParser
import Domain
import Fleet
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
    @Option(help: ArgumentHelp("How far back its jobs are taken; a day unless told.", valueName: "time"))
    var history: JobsDuration?
    @OptionGroup var fleet: FleetOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        let inForce = try await DeploymentInForce.read(deployment, session.connection)
        var today = inForce.rule
        if let slots = fleet.slots { today.slots = slots }
        var proposed = today
        try proposed.change(words: rule)
        let trace = try await QueueHistory.trace(
            session.connection, seconds: (history?.value ?? .seconds(86_400)).seconds, deployment: deployment)
        let price = fleet.pricePerHour ?? proposed.pricePerHour
        var columns: [TextTable.Column] = [
            .init("RULE", key: "rule"), .init("IN TIME", key: "attainment"), .init("WAITED LONGER", key: "late"),
            .init("WORKER-S", key: "worker_seconds"), .init("STARTS", key: "starts"), .init("P50", key: "wait_p50"),
            .init("P95", key: "wait_p95"), .init("P99", key: "wait_p99"),
        ]
        if price != nil { columns.append(.init("MONEY", key: "money")) }
        var table = TextTable(columns)
        // Both are judged by the proposed objective; by today's where the proposed rule has none.
        let setting = fleet.setting(objective: proposed.objective ?? today.objective ?? 30, of: inForce)
        for (name, rule) in [("today", today), ("proposed", proposed)] {
            let report = SimulatedFleet.run(trace, AutoscalerPolicy(rule: rule, epoch: trace.epoch), setting)
            let late = Double(report.jobs) * (1 - report.attainment)
            var row: [Cell] = [
                .text(name), .number(report.attainment * 100, decimals: 2), .count(Int64(late.rounded())),
                .number(report.workerSeconds, decimals: 0), .count(Int64(report.starts)),
                .number(report.wait(quantile: 0.5), decimals: 1), .number(report.wait(quantile: 0.95), decimals: 1),
                .number(report.wait(quantile: 0.99), decimals: 1),
            ]
            if let price {
                row.append(.number(ScalingRule.money(report.workerSeconds, pricePerHour: price), decimals: 2))
            }
            table.append(row)
        }
        console.note(
            "\(trace.name): \(HumanFormat.count(Int64(trace.arrivals.count))) jobs; in time is within "
                + "\(HumanFormat.duration(.seconds(setting.objective))). Both begin without workers.")
        try console.show(table)
        return .ok
    }
}
