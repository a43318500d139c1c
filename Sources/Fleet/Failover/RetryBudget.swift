/// How many more attempts a model may make than it has requests, so that retries cannot multiply an overload.
///
/// Finagle's budget: every request earns a part of a retry, and there is a small allowance per second for models with
/// little traffic. What is earned fades over the window instead of piling up for the next outage.
package struct RetryBudget: Sendable, Hashable {
    /// What requests earn.
    package struct Policy: Sendable, Hashable {
        /// The retries one request earns.
        package var ratio = 0.2
        /// The retries a second earns, whatever the traffic.
        package var perSecond = 10.0
        /// What was earned this long ago is worth 1/e; the allowance of so much time can be saved.
        package var window = Duration.seconds(10)

        /// The defaults: Finagle's.
        package init() {}
    }

    private let policy: Policy
    private var earned = 0.0
    private var allowance: Double
    private var at: Duration

    /// A budget with its allowance saved up.
    package init(_ policy: Policy = Policy(), at now: Duration = .zero) {
        self.policy = policy
        allowance = max(0, policy.perSecond) * policy.window.seconds
        at = now
    }

    /// The retries it has left.
    package var balance: Double { earned + allowance }

    /// First attempts were made.
    package mutating func earn(requests: Int, at now: Duration) {
        pass(to: now)
        earned += max(0, policy.ratio) * Double(max(0, requests))
    }

    /// Pays for one retry, or says that there is nothing left.
    package mutating func spend(at now: Duration) -> Bool {
        pass(to: now)
        guard balance >= 1 else { return false }
        let first = min(1, earned)
        earned -= first
        allowance -= 1 - first
        return true
    }

    private mutating func pass(to now: Duration) {
        let time = max(.zero, now - at)
        at = max(at, now)
        guard policy.window > .zero else { return }
        earned *= (-(time / policy.window)).exponential
        let most = max(0, policy.perSecond) * policy.window.seconds
        allowance = min(most, allowance + max(0, policy.perSecond) * time.seconds)
    }
}
