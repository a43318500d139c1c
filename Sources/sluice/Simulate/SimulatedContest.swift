import Domain
import Fleet
import Simulation
import Terminal

/// Policies on one trace, as a table.
struct SimulatedContest {
    private let trace: Trace
    private let setting: FleetSetting
    private let rule: ScalingRule
    private let bound: ClairvoyantBound
    /// The first run, drawn.
    private(set) var chart: String?
    private(set) var table: TextTable
    private let pricePerHour: Double?
    private let showsBounds: Bool
    private static let columns: [TextTable.Column] = [
        .init("POLICY", key: "policy", canShrink: true), .init("IN TIME", key: "attainment"),
        .init("WORKER-S", key: "worker_seconds"), .init("PER WORK", key: "cost_ratio"),
        .init("STARTS", key: "starts"), .init("MEAN WAIT", key: "wait_mean"), .init("P50", key: "wait_p50"),
        .init("P95", key: "wait_p95"), .init("P99", key: "wait_p99"),
    ]

    /// What the clairvoyants of the summary pay, in worker-seconds.
    private static let boundColumns: [TextTable.Column] = [
        .init("WITHOUT WAITS", key: "clairvoyant_without_waits"), .init("ALL IN TIME", key: "clairvoyant_in_time"),
    ]

    /// - Parameters:
    ///   - pricePerHour: what a worker costs in an hour; nil: money is not shown.
    ///   - showsBounds: whether each row has the bounds of the summary, for scripts, which get no summary.
    init(
        _ trace: Trace, _ setting: FleetSetting, _ rule: ScalingRule, pricePerHour: Double?, showsBounds: Bool = false
    ) {
        self.trace = trace
        self.pricePerHour = pricePerHour
        self.showsBounds = showsBounds
        table = TextTable(
            Self.columns + (pricePerHour == nil ? [] : [.init("MONEY", key: "money")])
                + (showsBounds ? Self.boundColumns : []))
        var setting = setting
        setting.maxWorkers = max(setting.maxWorkers, rule.maxWorkers)
        self.setting = setting
        self.rule = rule
        bound = ClairvoyantBound(
            trace, start: setting.coldStart.mean, objective: setting.objective, slots: setting.slots)
    }

    /// What the table is about, in two lines.
    var summary: String {
        func number(_ value: Double) -> String { HumanFormat.fixed(value, 2) }
        let work = max(trace.work, 1e-9)
        return """
            \(trace.name): \(HumanFormat.count(Int64(trace.arrivals.count))) jobs in \
            \(HumanFormat.duration(.seconds(trace.length))), \(number(trace.work / max(trace.length, 1))) at a time.
            Clairvoyant without waits: \(number(bound.zeroWait / work)) worker-seconds for each second of work; nobody who starts \
            all in time below \(number(bound.inTime / work)). Everybody begins without workers.
            """
    }

    /// Runs the policies with these names, side by side, and lists them in this order.
    ///
    /// - Throws: `CommandFailure` when there is none of a name.
    mutating func run(_ names: [String], isDrawn: Bool) async throws {
        let policies = try names.map(policy(named:))
        let drawn = isDrawn ? policies.firstIndex { $0 != nil } : nil
        let (trace, setting) = (trace, setting)
        let reports = await withTaskGroup { group in
            for (place, policy) in policies.enumerated() {
                guard let policy else { continue }
                // Not on the loop of the database, which is one thread.
                group.addTask(executorPreference: globalConcurrentExecutor) {
                    (place, SimulatedFleet.run(trace, policy, setting, keepsTimeline: place == drawn))
                }
            }
            return await group.reduce(into: [Int: FleetReport]()) { $0[$1.0] = $1.1 }
        }
        for (place, policy) in policies.enumerated() {
            if let policy, let report = reports[place] {
                append(policy.name, report)
                guard place == drawn else { continue }
                let title = "\(policy.name) on \(trace.name)"
                chart = ScalingChart(report, title: title, objective: setting.objective).svg
            } else {
                // The best that reaches what the rule reached.
                let attainment = names.firstIndex(of: "sluice").flatMap { reports[$0]?.attainment }
                guard let best = Rivals.bestFixed(trace, setting, attainment: attainment ?? 0.99) else { continue }
                append("fixed \(best.workers), the fewest for as much", best.report)
            }
        }
    }

    /// The policy with this name; nil for the best fixed size, which is known when the others have run.
    private func policy(named name: String) throws(CommandFailure) -> (any ScalingPolicy)? {
        switch name {
        case "sluice": return AutoscalerPolicy(rule: rule, epoch: trace.epoch)
        case "keda": return KEDAPolicy(target: Double(setting.slots))
        case "knative": return KnativePolicy()
        case "runpod-delay": return RunPodDelayPolicy()
        case "runpod-count": return RunPodCountPolicy(value: Double(setting.slots))
        case "fixed": return nil
        default:
            guard name.hasPrefix("fixed:"), let workers = Int(name.dropFirst(6)), 1...1000 ~= workers else {
                throw CommandFailure(
                    .usage, "There is no policy \(name).",
                    fix: "Known: sluice, keda, knative, runpod-delay, runpod-count, fixed, fixed:N.")
            }
            return FixedSize(workers: workers)
        }
    }

    private mutating func append(_ name: String, _ report: FleetReport) {
        var row: [Cell] = [
            .text(name), .number(report.attainment * 100, decimals: 2), .number(report.workerSeconds, decimals: 0),
            .number(report.costRatio, decimals: 2), .count(Int64(report.starts)),
            .number(report.meanWait, decimals: 1), .number(report.wait(quantile: 0.5), decimals: 1),
            .number(report.wait(quantile: 0.95), decimals: 1), .number(report.wait(quantile: 0.99), decimals: 1),
        ]
        if let pricePerHour {
            row.append(.number(ScalingRule.money(report.workerSeconds, pricePerHour: pricePerHour), decimals: 2))
        }
        if showsBounds { row += [.number(bound.zeroWait, decimals: 0), .number(bound.inTime, decimals: 0)] }
        table.append(row)
    }
}
