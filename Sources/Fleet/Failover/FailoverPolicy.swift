import Domain

/// What becomes of a job whose attempt failed: first another deployment, at once; then patience; then another model.
///
/// - A caller's fault is final: no other deployment or model would do better.
/// - While a deployment of the model is in service that has not been tried, the job goes there at once, to one drawn by
///   their shares, whatever rest the failed one's upstream asked for: that is not this one's.
/// - When all were tried, or the retry budget is spent, the job backs off as `RetryPolicy` says, at least for the rest
///   asked for, and then any deployment may take it.
/// - When its attempts are used up, or the model has nothing in service, the next model of the fallback chain is asked,
///   with attempts of its own. Without one the job fails, or waits for the model to come back, respectively.
package struct FailoverPolicy: Sendable, Hashable {
    /// What is to be done.
    package enum Decision: Sendable, Hashable {
        /// Queue it at once in the share of this deployment.
        case failOver(to: String)
        /// Queue it for anyone when this has passed.
        case backOff(after: Duration)
        /// Queue it at once for another model, and mark its result.
        case fallBack(Degradation)
        /// It has failed for good.
        case fail
    }

    /// The waits.
    package let retry: RetryPolicy
    /// Who stands in for the model.
    package let chain: FallbackChain

    /// A policy.
    package init(retry: RetryPolicy, chain: FallbackChain) {
        self.retry = retry
        self.chain = chain
    }

    /// Decides after a failure.
    ///
    /// - Parameters:
    ///   - parts: the part of the model's traffic each of its deployments has now; 0 is out of service.
    ///   - budget: the model's; one is spent for every further attempt. Without credit the job waits instead: a pause is
    ///     itself what keeps a storm away.
    package func decide(
        _ attempt: FailedAttempt, parts: [String: Double], budget: inout RetryBudget, at now: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        if attempt.errorClass.isCallersFault { return .fail }
        let next = chain.next(after: attempt.model)
        guard attempt.failures < attempt.maximumAttempts else { return next.map(Decision.fallBack) ?? .fail }
        let inService = parts.filter { $0.value > 0 }
        if inService.isEmpty, let next { return .fallBack(next) }
        let hasCredit = budget.spend(at: now)
        let untried = inService.filter { !attempt.tried.contains($0.key) }
        if hasCredit, let choice = Self.draw(untried, using: &generator) { return .failOver(to: choice) }
        switch retry.decide(
            attempt.errorClass, failures: attempt.failures, maximumAttempts: attempt.maximumAttempts,
            retryAfter: attempt.retryAfter, using: &generator)
        {
        // Out of credit, not even chance makes it immediate.
        case .retry(let wait): return .backOff(after: hasCredit ? wait : max(wait, retry.base))
        case .fail: return .fail
        }
    }

    /// One of the deployments, by their parts.
    private static func draw(_ parts: [String: Double], using generator: inout some RandomNumberGenerator) -> String? {
        let sorted = parts.sorted { $0.key < $1.key }
        var left = Double.random(in: 0..<1, using: &generator) * sorted.reduce(0) { $0 + $1.value }
        for (name, part) in sorted {
            left -= part
            if left < 0 { return name }
        }
        return sorted.last?.key
    }
}
