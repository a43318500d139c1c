/// How often something is looked at that announces itself in no other way: soon at first, then ever less often.
struct JobsPace {
    private var pause = Duration.milliseconds(5)
    private static let longest = Duration.milliseconds(250)

    /// Waits before the next look: 5 ms at first, at most 250 ms, and never past `deadline`.
    ///
    /// - Throws: `CancellationError`.
    mutating func wait(until deadline: ContinuousClock.Instant? = nil) async throws {
        let length = deadline.map { max(.zero, min(pause, $0 - .now)) } ?? pause
        try await Task.sleep(for: length)
        pause = min(pause * 3 / 2, Self.longest)
    }

    /// There was news: more may follow soon.
    mutating func quicken() { pause = max(.milliseconds(20), pause / 2) }
}
