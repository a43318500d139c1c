/// Worker-seconds of the last hour against a budget, minute by minute.
struct HourBudget: Sendable, Hashable, Codable {
    private static let minuteCount = 60
    private var minutes = Array(repeating: 0.0, count: Self.minuteCount)
    /// The running one, since the epoch of the times; nil: nothing was spent yet.
    private var minute: Int?

    /// Whether it has the minutes of an hour.
    var isWhole: Bool { minutes.count == Self.minuteCount && minute.map { $0.magnitude < 1 << 40 } ?? true }

    /// So many workers were paid for in the seconds before `now`.
    mutating func spend(_ workerSeconds: Double, at now: Double) {
        let current = Int((now / 60).rounded(.down))
        if let minute, current - minute < Self.minuteCount {
            if current > minute { for passed in minute + 1...current { minutes[Self.index(passed)] = 0 } }
        } else {
            minutes = Array(repeating: 0, count: Self.minuteCount)
        }
        minute = max(minute ?? current, current)
        minutes[Self.index(current)] += workerSeconds
    }

    private static func index(_ minute: Int) -> Int { (minute % minuteCount + minuteCount) % minuteCount }

    /// Worker-seconds of the last sixty minutes, the running one among them.
    var spent: Double { minutes.reduce(0, +) }

    /// The most workers that may be had for the next minute.
    func limit(_ budget: Double) -> Int {
        Int(min(max(0, (budget - spent) / 60), Double(ScalingRule.workerLimit)))
    }
}
