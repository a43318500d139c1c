/// Worker-seconds of the last hour against a budget, minute by minute.
struct HourBudget: Sendable {
    private var minutes = Array(repeating: 0.0, count: 60)
    private var minute = Int.min

    /// So many workers were paid for in the seconds before `now`.
    mutating func spend(_ workerSeconds: Double, at now: Double) {
        let current = Int((now / 60).rounded(.down))
        if minute == Int.min || current - minute >= 60 {
            minutes = Array(repeating: 0, count: 60)
        } else if current > minute {
            for passed in minute + 1...current { minutes[Self.index(passed)] = 0 }
        }
        minute = max(minute, current)
        minutes[Self.index(current)] += workerSeconds
    }

    private static func index(_ minute: Int) -> Int { (minute % 60 + 60) % 60 }

    /// Worker-seconds of the last sixty minutes, the running one among them.
    var spent: Double { minutes.reduce(0, +) }

    /// The most workers that may be had for the next minute.
    func limit(_ budget: Double) -> Int {
        Int(min(max(0, (budget - spent) / 60), Double(ScalingRule.workerLimit)))
    }
}
