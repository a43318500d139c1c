/// Traffic that comes step by step, each step judged by what it brought: Flagger's and Argo Rollouts' steps, with a
/// test that says by itself when it has seen enough.
///
/// No step is skipped, and no step is judged by the outcomes of another. A step passes when it has lasted its minimum
/// time and both its error ratio and its part of slow answers are clearly fine; it is bad as soon as one of them is
/// clearly not.
package struct Ramp: Sendable, Hashable {
    /// What a look at the current step says. The text is for people: "212 ok of 212, p95 1.8 s under 3 s".
    package enum Judgement: Sendable, Hashable {
        /// Nothing yet.
        case undecided
        /// It went to the next step, from and to so many percent.
        case advanced(from: Int, to: Int, reason: String)
        /// The last step passed.
        case finished(reason: String)
        /// The step is bad. The ramp stays where it is: its owner ends it.
        case bad(at: Int, reason: String)
    }

    /// Its policy.
    package let policy: RampPolicy
    /// The current step, an index of `policy.steps`.
    package private(set) var step: Int
    /// Since when.
    package private(set) var since: Duration
    /// What the step has brought so far.
    package private(set) var outcomes = OutcomeSummary()
    private var slow = 0
    private var probes = 0
    private var failedProbes = 0
    private var latencyLimit: Duration?

    /// A ramp at its first step, or one that goes on at a step after its owner changed.
    package init(_ policy: RampPolicy, step: Int = 0, at now: Duration) {
        self.policy = policy
        self.step = min(max(0, step), policy.steps.count - 1)
        since = now
    }

    /// Percent of the full share.
    package var percent: Int { policy.steps[step] }

    /// Whether active probes are wanted: the step has lasted long, and traffic is too thin to judge it.
    package func wantsProbes(at now: Duration) -> Bool { now - since >= policy.patience && isThin }

    /// Adds outcomes of the current step.
    ///
    /// - Parameter latencyLimit: what the 95th percentile should not exceed; nil when latency is not judged.
    package mutating func record(_ summary: OutcomeSummary, latencyLimit: Duration?) {
        outcomes.append(summary)
        self.latencyLimit = latencyLimit
        if let latencyLimit { slow += summary.latencies.count(above: latencyLimit) }
    }

    /// Adds an active probe; counted only when probes are wanted, so that they never outvote traffic.
    package mutating func probed(succeeded: Bool, at now: Duration) {
        guard wantsProbes(at: now) else { return }
        probes += 1
        if !succeeded { failedProbes += 1 }
    }

    /// Judges the current step, and goes to the next when it passed.
    ///
    /// - Parameter baseline: the error ratio of what it is compared with: being no worse than that is fine.
    package mutating func judge(at now: Duration, baseline: Double = 0) -> Judgement {
        let verdict = verdict(baseline: baseline)
        switch verdict {
        case .bad(let text): return .bad(at: percent, reason: text)
        case .undecided: return .undecided
        case .good:
            guard now - since >= policy.minimumTime else { return .undecided }
            let reason = evidence
            guard step + 1 < policy.steps.count else { return .finished(reason: reason) }
            let from = percent
            self = Ramp(policy, step: step + 1, at: now)
            return .advanced(from: from, to: percent, reason: reason)
        }
    }

    private enum Verdict {
        case good
        case bad(String)
        case undecided
    }

    private var trials: Int { outcomes.judged + probes }
    private var bad: Int { outcomes.errors + failedProbes }
    private var needed: Int { max(1, policy.minimumSample) }
    private var isThin: Bool { trials < max(needed, policy.errors.cleanTrials) }

    private func verdict(baseline: Double) -> Verdict {
        if outcomes.count(.credentials) > 0 { return .bad("its credentials were refused") }
        if outcomes.run.longest > policy.maximumConsecutiveFailures {
            return .bad("\(outcomes.run.longest) failures in a row")
        }
        if trials + outcomes.overloads >= needed, outcomes.overloadRatio > policy.overloadLimit {
            return .bad("\(Prose.percent(outcomes.overloadRatio)) refused for want of room")
        }
        let margin = policy.errors.unacceptable - policy.errors.acceptable
        let acceptable = max(policy.errors.acceptable, baseline)
        let errors = SequentialTest(
            acceptable: acceptable, unacceptable: acceptable + margin, error: policy.errors.error)
        let verdicts = [
            settled(errors, trials: trials, bad: bad),
            latencyLimit == nil ? .good : settled(policy.slow, trials: outcomes.latencies.count, bad: slow),
        ]
        if verdicts.contains(.bad) { return .bad(evidence) }
        return trials >= needed && verdicts.allSatisfy { $0 == .good } ? .good : .undecided
    }

    private func settled(_ test: SequentialTest, trials: Int, bad: Int) -> SequentialTest.Verdict {
        let verdict = test.verdict(trials: trials, bad: bad)
        // Probes have no latency: where they had to help, the few answers there were decide about it.
        let isOver = self.trials >= max(needed, policy.maximumSample) || (probes > 0 && !isThin)
        guard verdict == .undecided, isOver else { return verdict }
        return trials == 0 ? .good : test.finalVerdict(trials: trials, bad: bad)
    }

    private var evidence: String {
        var text = "\(trials - bad) ok of \(trials)"
        if probes > 0 { text += " (\(Prose.count(probes, "probe")))" }
        if let latencyLimit, let p95 = outcomes.latencies.quantile(0.95) {
            text += ", p95 \(Prose.time(p95)) \(p95 > latencyLimit ? "over" : "under") \(Prose.time(latencyLimit))"
        }
        return text
    }
}
