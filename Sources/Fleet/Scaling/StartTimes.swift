/// How long starts take, learned from real ones, and when the next may be tried after some failed.
struct StartTimes: Sendable {
    /// What is planned with before anything is known, in seconds.
    static let unknown = 60.0
    private static let limit = 50
    private static let longestPause = 300.0

    /// The last start times in seconds, the oldest first.
    private(set) var times: [Double]
    /// The time that nine of ten starts did not exceed.
    private(set) var planned: Double
    private var failures = 0
    private(set) var pausedUntil = -Double.infinity

    init(times: [Double] = []) {
        self.times = times.suffix(Self.limit)
        planned = Self.unknown
        plan()
    }

    mutating func look(at now: Double, finished: [Duration], failed: Int) {
        if !finished.isEmpty {
            for time in finished { times.append(time.seconds) }
            times.removeFirst(max(0, times.count - Self.limit))
            plan()
            failures = 0
            pausedUntil = -.infinity
        }
        if failed > 0, finished.isEmpty {
            failures = min(failures + 1, 16)
            var pause = 2.5
            for _ in 0..<failures { pause = min(pause * 2, Self.longestPause) }
            pausedUntil = now + pause
        }
    }

    private mutating func plan() {
        guard !times.isEmpty else { return }
        let sorted = times.sorted()
        planned = max(0.1, sorted[min(sorted.count - 1, sorted.count * 9 / 10)])
    }
}
