/// How many workers there should be, and why.
package struct ScalingDecision: Sendable, Hashable {
    /// The number of workers, starting ones included.
    package var desired: Int
    /// Whether that is another number than at the last look.
    package var hasChanged: Bool
    /// What led to it.
    package var cause: ScalingCause
    /// The figures it was made from.
    package var figures: ScalingFigures

    /// One line for people: "4 → 6 workers: 12 jobs would start late; a start takes 25 s, the objective is 30 s".
    package var reason: String { cause.text(desired: desired, figures) }
    /// The figures by name, for the decision's row.
    package var inputs: [(name: String, value: Double)] { figures.list }
}

/// Why there are as many workers as there are.
package enum ScalingCause: Sendable, Hashable {
    /// Data is missing: nothing is decided.
    case heldWithoutData
    /// There are as many as are needed.
    case enough
    /// Jobs that wait would start late.
    case backlog
    /// The occupancy that was learned is held ready, because a start takes longer than the objective allows.
    case occupancy
    /// A start for work that runs over.
    case demand
    /// The season foretells more.
    case forecast
    /// Workers were idle for longer than a start is worth.
    case idle
    /// A bound of the rule.
    case bounds
    /// The schedule's open window.
    case schedule
    /// The budget is used up.
    case budget
    /// Starts fail: the next is tried after a pause.
    case startsFail

    /// The word of SQL and metrics.
    package var name: String {
        switch self {
        case .heldWithoutData: "held"
        case .enough: "enough"
        case .backlog: "backlog"
        case .occupancy: "occupancy"
        case .demand: "demand"
        case .forecast: "forecast"
        case .idle: "idle"
        case .bounds: "bounds"
        case .schedule: "schedule"
        case .budget: "budget"
        case .startsFail: "starts_fail"
        }
    }
}

/// The figures a decision was made from.
package struct ScalingFigures: Sendable, Hashable {
    /// Workers desired before.
    package var before = 0
    /// Workers ready, and starting.
    package var ready = 0
    package var starting = 0
    /// Jobs running, and waiting (those that may scale).
    package var running = 0
    package var waiting = 0
    /// How long the oldest waiting job has waited, in seconds.
    package var oldestWait = 0.0
    /// Waiting jobs that would start late with the workers there are.
    package var late = 0
    /// The mean run time of a job, and the start time planned with, in seconds.
    package var runTime = 0.0
    package var startTime = 0.0
    /// The objective in seconds; 0 with scalers that have none.
    package var objective = 0.0
    /// Workers that the occupancy, the learned levels and the forecast ask for.
    package var occupancy = 0
    package var held = 0
    package var forecast = 0
    /// What a start in time is worth just now, in worker-seconds.
    package var missPrice = 0.0
    /// Whether arrivals are far from anything seen.
    package var isAnomalous = false
    /// Worker-seconds of the last hour, and what they cost where a worker has a price.
    package var spent = 0.0
    package var spentMoney: Double?
    /// What the hour may cost.
    package var moneyPerHour: Double?
    /// The operator's number.
    package var query: Double?

    /// By name.
    package var list: [(name: String, value: Double)] {
        var list = [
            ("before", Double(before)), ("ready", Double(ready)), ("starting", Double(starting)),
            ("running", Double(running)), ("waiting", Double(waiting)), ("oldest_wait", oldestWait),
            ("late", Double(late)), ("run_time", runTime), ("start_time", startTime), ("objective", objective),
            ("occupancy", Double(occupancy)), ("held", Double(held)), ("forecast", Double(forecast)),
            ("miss_price", missPrice), ("anomalous", isAnomalous ? 1 : 0), ("spent", spent),
        ]
        for (name, value) in [("spent_money", spentMoney), ("money_per_hour", moneyPerHour), ("query", query)] {
            if let value { list.append((name, value)) }
        }
        return list
    }
}

extension ScalingCause {
    fileprivate func text(desired: Int, _ figures: ScalingFigures) -> String {
        let step =
            desired == figures.before
            ? Prose.count(desired, "worker") : "\(figures.before) → \(Prose.count(desired, "worker"))"
        return "\(step): \(explanation(figures))"
    }

    private func explanation(_ figures: ScalingFigures) -> String {
        let start = Prose.time(.seconds(figures.startTime))
        let objective = Prose.time(.seconds(figures.objective))
        return switch self {
        case .heldWithoutData: "data is missing, nothing is decided"
        case .enough: "\(Prose.count(figures.running, "job")) running, \(figures.waiting) waiting"
        case .backlog:
            "\(Prose.count(figures.late, "waiting job")) would start late; a start takes \(start), the objective is \(objective)"
        case .occupancy:
            "held ready, because a start takes \(start) and jobs must begin within \(objective)"
        case .demand: "\(Prose.count(figures.running, "job")) running and \(figures.waiting) waiting need them"
        case .forecast: "the same time of earlier days needed \(figures.forecast)"
        case .idle: "idle for longer than another start would cost"
        case .bounds: "a bound of the rule"
        case .schedule: "the window of the schedule that is open"
        case .budget: "the budget of the hour is used up\(money(figures))"
        case .startsFail: "starts fail; the next is tried after a pause"
        }
    }

    private func money(_ figures: ScalingFigures) -> String {
        guard let spent = figures.spentMoney, let most = figures.moneyPerHour else { return "" }
        return ": \((spent * 100).rounded() / 100) of \(most) were spent"
    }
}
