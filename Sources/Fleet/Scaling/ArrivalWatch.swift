/// Tells arrivals that are far from anything seen: more in a minute than the mean of ln(1 + jobs) by six standard
/// deviations, both decayed over about a day. Flagged, and kept out of the forecast; not followed and not fought.
struct ArrivalWatch: Sendable, Hashable, Codable {
    private static let deviations = 6.0
    private static let minimumMinutes = 60.0
    private static let memory = 1440.0

    private var minute: Int?
    private var jobs = 0
    private var minutes = 0.0
    private var mean = 0.0
    private var variance = 0.0
    private(set) var isAnomalous = false

    /// Whether it counts what can be counted on.
    var isWhole: Bool { 0..<1 << 40 ~= jobs }

    mutating func look(at now: Double, arrivals: Int) {
        let current = Int((now / 60).rounded(.down))
        if let minute, minute != current {
            let logarithm = Double(1 + jobs).logarithm
            minutes = min(minutes + 1, Self.memory)
            // What is far out moves what is usual only as far as the limit.
            let limit = mean + Self.deviations * max(0.25, variance.squareRoot())
            let difference = (minutes > Self.minimumMinutes ? min(logarithm, limit) : logarithm) - mean
            mean += difference / minutes
            variance += (difference * difference - variance) / minutes
            jobs = 0
        }
        minute = current
        jobs += arrivals
        let deviation = max(0.25, variance.squareRoot())
        isAnomalous =
            minutes >= Self.minimumMinutes && jobs > 10
            && Double(1 + jobs).logarithm > mean + Self.deviations * deviation
    }
}
