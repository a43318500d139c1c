/// Holds a deployment to its limits where jobs are claimed.
///
/// Guarantees that no more run at a time, and in any minute no more start, than the limits say; of tokens no more are
/// reserved. What a job really used replaces its reservation when it ends.
package struct LimitMeter: Sendable, Hashable {
    /// Whether a job may start.
    package enum Admission: Sendable, Hashable {
        case now
        /// Not before this has passed.
        case after(Duration)
        /// When one that runs has ended.
        case afterAnother
    }

    /// The limits.
    package var limits: DeploymentLimits
    /// How many run.
    package private(set) var running = 0
    private var requests = MinuteMeter()
    private var tokens = MinuteMeter()

    /// Nothing runs.
    package init(_ limits: DeploymentLimits) { self.limits = limits }

    /// Whether a job of about so many tokens may start at `now`.
    package func admission(tokens expected: Int, at now: Duration) -> Admission {
        if let most = limits.concurrency, running >= most { return .afterAnother }
        var wait = Duration.zero
        if let limit = limits.requestsPerMinute { wait = requests.wait(for: 1, limit: limit, at: now) }
        if let limit = limits.tokensPerMinute {
            wait = max(wait, tokens.wait(for: max(0, expected), limit: limit, at: now))
        }
        return wait > .zero ? .after(wait) : .now
    }

    /// A job of about so many tokens started.
    package mutating func started(tokens expected: Int, at now: Duration) {
        running += 1
        requests.record(1, at: now)
        tokens.record(max(0, expected), at: now)
    }

    /// A job ended that had been expected to use so many tokens and used this many.
    package mutating func ended(tokens used: Int, expected: Int, at now: Duration) {
        running = max(0, running - 1)
        tokens.record(max(0, used) - max(0, expected), at: now)
    }
}
