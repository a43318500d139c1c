/// A worker's own breaker, for when no controller answers.
///
/// It trips as the controller's does, and then the worker claims nothing: at the fourth failure in a row, not at the
/// next tick. A controller's later word clears it, whatever it says: it sees all workers, and knows of the panic floor.
/// Without a word for `timeout` the guard itself lets one job through when its time is up, and then more and more at a
/// time; and it asks less of an upstream that refuses for want of room (`ClientThrottle`).
package struct WorkerGuard: Sendable, Hashable {
    /// How long a controller may be silent before the guard decides.
    package let timeout: Duration
    private var breaker: Breaker
    private var throttle = ClientThrottle()
    private var heardAt: Duration

    /// A guard that has just heard of a controller.
    package init(_ policy: BreakerPolicy = BreakerPolicy(), timeout: Duration = .seconds(10), at now: Duration) {
        self.timeout = timeout
        breaker = Breaker(policy, at: now)
        heardAt = now
    }

    /// Whether a controller decides.
    package func isGuided(at now: Duration) -> Bool { now - heardAt < timeout }

    /// A controller decided at `decision` about the shares of the worker's deployment, changed or not.
    ///
    /// - Parameter told: when the worker last told of its outcomes: what was decided sooner does not know them.
    package mutating func heard(decidedAt decision: Duration, toldAt told: Duration = .zero) {
        heardAt = max(heardAt, decision)
        if decision > max(breaker.since, told), breaker.state != .closed {
            breaker = Breaker(breaker.policy, at: decision)
        }
    }

    /// Its breaker's policy.
    package var policy: BreakerPolicy { breaker.policy }

    /// Whether it holds its worker back.
    package var isTripped: Bool { breaker.state != .closed }

    /// Attempts of this worker ended. Returns what changed.
    @discardableResult
    package mutating func observed(
        _ outcomes: OutcomeSummary, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> [Breaker.Transition] {
        throttle.record(outcomes, at: now)
        return breaker.handle(.observed(outcomes, latencyLimit: nil), at: now, using: &generator)
    }

    /// How many jobs the worker may hold at most; nil: no such bound.
    ///
    /// - Parameter mayStop: whether the breaker may hold the worker back: others are there for its jobs. What an upstream
    ///   refuses for want of room holds it back in any case, but never altogether.
    package mutating func allowance(
        slots: Int, mayStop: Bool, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> Int? {
        let allowed = concurrency(slots: slots, at: now, using: &generator)
        if isTripped, mayStop { return allowed }
        guard !isGuided(at: now) else { return nil }
        let admitted = max(1, Int(Double(slots) * throttle.admitted(at: now)))
        return admitted < slots ? admitted : nil
    }

    /// How many jobs the worker may run at a time, of so many slots.
    package mutating func concurrency(
        slots: Int, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> Int {
        // A controller that is there decides within a tick: until then, all or nothing.
        if isGuided(at: now) { return breaker.state == .closed ? slots : 0 }
        _ = breaker.handle(.ticked, at: now, using: &generator)
        if breaker.wantsOneJob { return min(1, slots) }
        guard breaker.fraction > 0 else { return 0 }
        return min(slots, max(1, Int(Double(slots) * breaker.fraction * throttle.admitted(at: now))))
    }
}
