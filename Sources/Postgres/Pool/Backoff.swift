/// How long to wait before the next try: exponential, capped, with full jitter, so that many clients of one server that
/// went away do not come back at the same instant.
package struct Backoff: Sendable, Hashable {
    /// The most the first wait can be.
    package let initial: Duration
    /// The most any wait can be.
    package let maximum: Duration
    /// How many waits there have been since the last success.
    package private(set) var attempts = 0

    /// A back-off whose n-th wait lies anywhere in 0 … min(`maximum`, `initial` · 2ⁿ⁻¹).
    package init(initial: Duration = .milliseconds(50), maximum: Duration = .seconds(5)) {
        self.initial = max(.zero, initial)
        self.maximum = max(.zero, maximum)
    }

    /// The next wait.
    package mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        // 2³⁰ times anything sensible is past every cap.
        let ceiling = min(maximum, initial * (1 << min(attempts, 30)))
        attempts += 1
        return ceiling * Double.random(in: 0...1, using: &generator)
    }

    /// A try succeeded: the next wait is a first one again.
    package mutating func reset() { attempts = 0 }
}
