/// The average latency of late: a mean whose weights fall exponentially with age, by the time and not by the number of
/// requests, as in Linkerd's and Finagle's load balancers. Without their jump to every peak: shares should follow what
/// is usual, and the breaker looks after peaks.
package struct LatencyAverage: Sendable, Hashable {
    /// The time after which a value counts for 1/e.
    package let decay: Duration
    /// The average; nil until the first value.
    package private(set) var value: Duration?
    private var at = Duration.zero

    /// No average yet. `decay` is at least a millisecond.
    package init(decay: Duration = .seconds(30)) { self.decay = max(.milliseconds(1), decay) }

    /// Takes in the mean of what ended since the last call.
    package mutating func record(_ mean: Duration, at now: Duration) {
        guard let value else {
            self.value = mean
            at = now
            return
        }
        let kept = (-(max(.zero, now - at) / decay)).exponential
        self.value = value * kept + mean * (1 - kept)
        at = max(at, now)
    }
}
