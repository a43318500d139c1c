package import Domain

/// What became of a deployment's attempts, in the order in which they ended. Bounded, and two can be joined.
///
/// Attempts that nobody but the caller can be blamed for are counted and judged by nothing.
package struct OutcomeSummary: Sendable, Hashable {
    /// How many succeeded.
    package internal(set) var succeeded = 0
    /// How many failed, by class.
    package internal(set) var failed: [ErrorClass: Int] = [:]
    /// How long the successes took, and how long at least those would have that were overtaken. What fails fast must not look
    /// fast.
    package internal(set) var latencies = LatencyHistogram()
    /// Runs of failures that speak against the deployment; overload is no failure here.
    package internal(set) var run = FailureRun()
    /// The longest rest its upstream asked for.
    package internal(set) var retryAfter: Duration?

    /// No attempts.
    package init() {}

    /// Adds an attempt that ended: well, or with a failure of `errorClass`.
    ///
    /// - Parameter latency: from the claim to the end.
    package mutating func record(_ errorClass: ErrorClass?, latency: Duration, retryAfter: Duration? = nil) {
        guard let errorClass else {
            succeeded += 1
            latencies.record(latency)
            run.record(isFailure: false)
            return
        }
        failed[errorClass, default: 0] += 1
        switch errorClass.blame {
        case .deployment, .credentials: run.record(isFailure: true)
        case .overload:
            if let retryAfter { self.retryAfter = max(self.retryAfter ?? .zero, retryAfter) }
        case .caller, .nobody: break
        }
    }

    /// Adds an attempt that was stopped after `latency`, because a second attempt elsewhere had answered: neither a success nor
    /// a failure, but without it hedging would hide how slow its deployment is.
    package mutating func recordOvertaken(after latency: Duration) { latencies.record(latency) }

    /// Adds the attempts that ended after these.
    package mutating func append(_ later: OutcomeSummary) {
        succeeded += later.succeeded
        failed.merge(later.failed, uniquingKeysWith: +)
        latencies.merge(later.latencies)
        run.append(later.run)
        if let rest = later.retryAfter { retryAfter = max(retryAfter ?? .zero, rest) }
    }

    /// How many failures have this blame.
    package func count(_ blame: Blame) -> Int { failed.reduce(0) { $1.key.blame == blame ? $0 + $1.value : $0 } }

    /// Failures that speak against the deployment itself.
    package var errors: Int { count(.deployment) + count(.credentials) }
    /// Attempts its error ratio is measured on.
    package var judged: Int { succeeded + errors }
    /// Attempts that a second attempt overtook.
    package var overtaken: Int { max(0, latencies.count - succeeded) }
    /// Errors among the judged, 0 to 1; 0 when there are none.
    package var errorRatio: Double { judged > 0 ? Double(errors) / Double(judged) : 0 }
    /// Refusals for want of room.
    package var overloads: Int { count(.overload) }
    /// Refusals for want of room among these and the judged, 0 to 1.
    package var overloadRatio: Double {
        overloads > 0 ? Double(overloads) / Double(judged + overloads) : 0
    }
}
