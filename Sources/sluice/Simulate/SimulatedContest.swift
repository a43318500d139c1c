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
    private static let columns: [TextTable.Column] = [
        .init("POLICY", key: "policy", canShrink: true), .init("IN TIME", key: "attainment"),
        .init("WORKER-S", key: "worker_seconds"), .init("PER WORK", key: "cost_ratio"),
        .init("STARTS", key: "starts"), .init("MEAN WAIT", key: "wait_mean"), .init("P50", key: "wait_p50"),
        .init("P95", key: "wait_p95"), .init("P99", key: "wait_p99"),
    ]
    private var attainment: Double?

    /// - Parameter pricePerHour: what a worker costs in an hour; nil: money is not shown.
    init(_ trace: Trace, _ setting: FleetSetting, _ rule: ScalingRule, pricePerHour: Double?) {
        self.trace = trace
        self.pricePerHour = pricePerHour
        table = TextTable(Self.columns + (pricePerHour == nil ? [] : [.init("MONEY", key: "money")]))
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

    /// Runs the policy with this name.
    ///
    /// - Throws: `CommandFailure` when there is none.
    mutating func run(_ name: String, isDrawn: Bool) throws(CommandFailure) {
        switch name {
        case "sluice":
            let report = add(AutoscalerPolicy(rule: rule, epoch: trace.epoch), isDrawn)
            attainment = report.attainment
        case "keda": add(KEDAPolicy(target: Double(setting.slots)), isDrawn)
        case "knative": add(KnativePolicy(), isDrawn)
        case "runpod-delay": add(RunPodDelayPolicy(), isDrawn)
        case "runpod-count": add(RunPodCountPolicy(value: Double(setting.slots)), isDrawn)
        case "fixed":
            // The best that reaches what the rule reached.
            if let best = Rivals.bestFixed(trace, setting, attainment: attainment ?? 0.99) {
                append("fixed \(best.workers), the fewest for as much", best.report)
            }
        default:
            guard name.hasPrefix("fixed:"), let workers = Int(name.dropFirst(6)), 1...1000 ~= workers else {
                throw CommandFailure(
                    .usage, "There is no policy \(name).",
                    fix: "Known: sluice, keda, knative, runpod-delay, runpod-count, fixed, fixed:N.")
            }
            add(FixedSize(workers: workers), isDrawn)
        }
    }

    @discardableResult
    private mutating func add(_ policy: some ScalingPolicy, _ isDrawn: Bool) -> FleetReport {
        let draws = isDrawn && chart == nil
        let report = SimulatedFleet.run(trace, policy, setting, keepsTimeline: draws)
        if draws {
            chart =
                ScalingChart(report, title: "\(policy.name) on \(trace.name)", objective: setting.objective).svg
        }
        append(policy.name, report)
        return report
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
        table.append(row)
    }
}
