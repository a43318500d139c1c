/// The recent ends of one deployment's workers, and what follows from them.
///
/// Bounded: it remembers at most as many ends as make a crash loop.
package struct CrashLoop: Sendable, Hashable {
    /// When the next worker may be started.
    package enum Decision: Sendable, Hashable {
        /// At this time, which may be now.
        case restart(at: Duration)
        /// Not before this time: it is a crash loop.
        case hold(until: Duration, reason: String)
    }

    private let policy: RestartPolicy
    private var ends: [Duration] = []
    private var endsSinceHealthy = 0
    private var holds = 0

    /// No end has been seen.
    package init(_ policy: RestartPolicy) { self.policy = policy }

    /// A worker ended at `now` that nobody had asked to end.
    ///
    /// - Parameters:
    ///   - loading: how long it had been loading before it was ready, or until its end. The window is longer by that for each
    ///     restart, or what takes long to load could crash for ever.
    ///   - ran: how long it had been ready. A run as long as the policy's window forgets everything before it.
    ///   - width: how many workers the deployment has: each may end as often as one alone could.
    ///   - isConfigurationFault: whether another start cannot help: held at once.
    package mutating func ended(
        at now: Duration, loading: Duration, ran: Duration, width: Int, isConfigurationFault: Bool, cause: String,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        if ran >= policy.window { self = CrashLoop(policy) }
        let width = max(1, width)
        let limit = max(1, policy.limit) * width
        let window = policy.window + loading * max(0, policy.limit - 1)
        ends.removeAll { $0 <= now - window }
        ends.append(now)
        endsSinceHealthy += 1
        if isConfigurationFault { return hold(at: now, "it cannot start as configured (\(cause))") }
        if ends.count >= limit {
            return hold(at: now, "\(ends.count) ends within \(window) (the last: \(cause))")
        }
        // The first end of each worker costs no pause.
        let round = (endsSinceHealthy - 1) / width
        guard round > 0 else { return .restart(at: now) }
        let pause = policy.minimumPause.doubled(times: round - 1, maximum: policy.maximumPause)
        return .restart(at: now + pause * Double.random(in: 0.5...1, using: &generator))
    }

    private mutating func hold(at now: Duration, _ reason: String) -> Decision {
        let time = policy.minimumHold.doubled(times: holds, maximum: policy.maximumHold)
        holds += 1
        ends = []
        return .hold(until: now + time, reason: "held for \(time): \(reason)")
    }
}
