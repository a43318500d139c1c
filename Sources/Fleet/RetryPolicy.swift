package import Domain

/// What becomes of a job after a failed attempt.
///
/// Capped exponential back-off with full jitter: the n-th wait lies anywhere in 0 … min(`cap`, `base` · 2ⁿ⁻¹). Of the
/// kinds of jitter compared in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015) this one makes the fewest
/// calls in all, since it spreads those who failed together the widest.
package struct RetryPolicy: Sendable, Hashable {
    /// What is to be done.
    package enum Decision: Sendable, Hashable {
        /// The job is queued again when this has passed.
        case retry(after: Duration)
        /// The job has failed for good.
        case fail
    }

    /// The longest an upstream's "retry after" is believed.
    package static let maximumRetryAfter = Duration.seconds(3_600)

    /// The most the first wait can be.
    package let base: Duration
    /// The most any wait can be, unless the upstream asks for more.
    package let cap: Duration

    /// A policy of waits between `base`, not negative, and `cap`, not less than `base`.
    package init(base: Duration, cap: Duration) {
        self.base = max(.zero, base)
        self.cap = max(self.base, cap)
    }

    /// Decides after a failure of the class `errorClass`.
    ///
    /// - `invalidRequest` and `unsupported` are the caller's faults: no try can succeed, so none is made.
    /// - `auth` is retried like any other: these credentials are one deployment's, and another's may be good. `fatal` and
    ///   `crash` speak of the process, not of the request, and are retried as well; the crash budget bounds the latter.
    /// - After `rateLimited` and `overloaded` the upstream gets at least `base` of rest, however the dice fall.
    ///
    /// - Parameters:
    ///   - failures: how often the job has failed, this time included; from 1.
    ///   - maximumAttempts: the number of failures that ends the job.
    ///   - retryAfter: the rest the upstream asked for: the least wait, believed up to `maximumRetryAfter`.
    package func decide(
        _ errorClass: ErrorClass, failures: Int, maximumAttempts: Int, retryAfter: Duration? = nil,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        guard !errorClass.isCallersFault, failures < maximumAttempts else { return .fail }
        let wait = ceiling(failures: failures) * Double.random(in: 0...1, using: &generator)
        let isUpstreamBusy = errorClass == .rateLimited || errorClass == .overloaded
        let asked = min(retryAfter ?? .zero, Self.maximumRetryAfter)
        return .retry(after: max(wait, isUpstreamBusy ? base : .zero, asked))
    }

    /// The most the wait after the `failures`-th failure can be.
    package func ceiling(failures: Int) -> Duration {
        base.doubled(times: failures - 1, maximum: cap)
    }
}
