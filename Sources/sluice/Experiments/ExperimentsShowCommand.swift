import ArgumentParser
import Domain
import Fleet
import Queue
import Supervisor
import Terminal

/// Shows what an experiment has brought.
struct ExperimentsShowCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what the arms of an experiment brought, and what follows.",
        discussion: """
            Figures are means over units: users, where jobs have affinity keys. The intervals of differences hold however \
            often one looks, so that a verdict may be acted on when it is there.
            """)

    @Argument(help: "The experiment.")
    var name: String
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database, isPatient: true).queue
        guard let experiment = try await queue.experiments().first(where: { $0.name == name }) else {
            throw CommandFailure(
                .dataInvalid, "There is no experiment \"\(name)\".",
                fix: "`sluice experiments list` shows those there are.")
        }
        let arms = try await queue.arms(ofExperiment: experiment.id)
        let figures = try await queue.figures(ofExperiment: experiment.id)
        let report = try ExperimentReport(experiment, arms, figures)
        try console.show(table(arms, figures, report))
        if !console.options.isJSON { try console.show(report.sides.map(\.sentence)) }
        return .ok
    }

    private func table(
        _ arms: [ExperimentListing.Arm], _ figures: [ArmFigure], _ report: ExperimentReport
    ) -> TextTable {
        var table = TextTable([
            .init("ARM", key: "arm"), .init("PERCENT", key: "percent"), .init("UNITS", key: "units"),
            .init("SUCCESS", key: "success"), .init("SECONDS", key: "latency_seconds"), .init("TOKENS", key: "tokens"),
            .init("COST", key: "cost"), .init("SCORE", key: "score"), .init("VERDICT", key: "verdict"),
            .init("SENTENCE", key: "sentence", canShrink: true),
        ])
        for arm in arms {
            let own = figures.filter { $0.arm == arm.name }
            func mean(_ metric: Metric) -> Cell {
                own.first { $0.metric == metric.rawValue && $0.units > 0 }
                    .map { .number($0.sum / Double($0.units), decimals: 4) } ?? .none
            }
            let side = report.sides.first { $0.arm.name == arm.name }
            table.append([
                .text(arm.name), .number(Double(arm.buckets) / 100, decimals: 2), .count(own.first?.exposures ?? 0),
                mean(.success), mean(.latency), mean(.tokens), mean(.cost), mean(.score),
                side.map { .word($0.verdict.rawValue) } ?? .text("control"), side.map { .text($0.sentence) } ?? .none,
            ])
        }
        return table
    }
}
