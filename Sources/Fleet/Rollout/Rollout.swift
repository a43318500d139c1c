/// Replaces a deployment by a new version, step by step, each step judged against the old one; rolls back by itself at
/// the first bad step, as Flagger and Argo Rollouts do, but with a test that knows how many outcomes it needs.
///
/// It is in one of these states:
/// - *running*: the new version has so many percent of the pair's share. Left by the next step, a bad one, or an
///   operator.
/// - *paused* at so many percent. Left by an operator, or by a bad step: nobody should have to watch a pause.
/// - *promoted*: all is the new version's. Left by an operator's roll-back only.
/// - *rolled back*: all is the old version's. Final.
package struct Rollout: Sendable, Hashable {
    /// Where it is. Another controller goes on from here.
    package enum State: Sendable, Hashable {
        case running(percent: Int)
        case paused(percent: Int)
        case promoted
        case rolledBack
    }

    /// What happened.
    package enum Event: Sendable, Hashable {
        /// Attempts of both ended; of the new version only those that had begun in the current step.
        case observed(candidate: OutcomeSummary, baseline: OutcomeSummary, latencyObjective: Duration?)
        /// An active probe of the new version ended.
        case probed(succeeded: Bool)
        /// Its health is below what is served from.
        case judgedSick(reason: String)
        /// An operator wants it to stay where it is.
        case pauseRequested(reason: String)
        /// An operator wants it to go on.
        case resumeRequested
        /// An operator wants the new version to have everything now.
        case promoteRequested(reason: String)
        /// An operator wants the old version back now.
        case rollbackRequested(reason: String)
        /// Time passed.
        case ticked
    }

    /// A change of state.
    package struct Transition: Sendable, Hashable {
        /// Where it was.
        package let from: State
        /// Where it is now.
        package let to: State
        /// Why, for people.
        package let reason: String
    }

    /// Its policy.
    package let policy: RolloutPolicy
    /// Where it is.
    package private(set) var state: State
    private var ramp: Ramp
    private var baseline: OutcomeWindow
    private var latencyLimit: Duration?
    private var openedGate: Int?

    /// A rollout at its first step, or one that goes on where another controller left it.
    package init(_ policy: RolloutPolicy = RolloutPolicy(), state: State? = nil, at now: Duration) {
        self.policy = policy
        baseline = OutcomeWindow(length: policy.window)
        let percent: Int? =
            switch state {
            case .running(let percent), .paused(let percent): percent
            case .promoted, .rolledBack, nil: nil
            }
        let step = percent.flatMap { percent in policy.ramp.steps.lastIndex { $0 <= percent } } ?? 0
        ramp = Ramp(policy.ramp, step: step, at: now)
        switch state {
        case nil, .running: self.state = .running(percent: ramp.percent)
        case .paused: self.state = .paused(percent: ramp.percent)
        case .promoted: self.state = .promoted
        case .rolledBack: self.state = .rolledBack
        }
    }

    /// The part of the pair's share the new version has, 0 to 1; the old one has the rest.
    package var fraction: Double {
        switch state {
        case .running(let percent), .paused(let percent): Double(percent) / 100
        case .promoted: 1
        case .rolledBack: 0
        }
    }

    /// Since when the current step has lasted: what began sooner is not judged by it.
    package var stepSince: Duration { ramp.since }

    /// Whether it can still change by itself.
    package var isUnderWay: Bool {
        switch state {
        case .running, .paused: true
        case .promoted, .rolledBack: false
        }
    }

    /// Whether active probes of the new version are of use.
    package func wantsProbes(at now: Duration) -> Bool { isUnderWay && ramp.wantsProbes(at: now) }

    /// Takes in what happened at `now`, which never goes back, and says what changed.
    package mutating func handle(_ event: Event, at now: Duration) -> Transition? {
        let before = state
        guard let (next, reason) = transition(on: event, at: now), next != before else { return nil }
        state = next
        return Transition(from: before, to: next, reason: reason)
    }
}

extension Rollout {
    private mutating func transition(on event: Event, at now: Duration) -> (State, String)? {
        switch event {
        case .rollbackRequested(let reason): return (.rolledBack, reason)
        case .promoteRequested(let reason): return isUnderWay ? (.promoted, reason) : nil
        case .pauseRequested(let reason):
            guard case .running(let percent) = state else { return nil }
            return (.paused(percent: percent), reason)
        case .resumeRequested:
            guard case .paused(let percent) = state else { return nil }
            openedGate = percent
            return (.running(percent: percent), "resumed by an operator")
        case .judgedSick(let reason): return isUnderWay ? (.rolledBack, reason) : nil
        case .probed(let succeeded): ramp.probed(succeeded: succeeded, at: now)
        case .observed(let candidate, let baseline, let objective):
            self.baseline.record(baseline, at: now)
            latencyLimit = limit(objective, at: now)
            ramp.record(candidate, latencyLimit: latencyLimit)
        case .ticked: break
        }
        return judge(at: now)
    }

    private mutating func judge(at now: Duration) -> (State, String)? {
        guard isUnderWay else { return nil }
        let old = baseline.total(at: now)
        let ratio = old.judged >= policy.ramp.minimumSample ? old.errorRatio : 0
        var next = ramp
        let judgement = next.judge(at: now, baseline: ratio)
        if case .bad(let percent, let reason) = judgement { return (.rolledBack, "at \(percent)%: \(reason)") }
        guard case .running(let percent) = state else { return nil }
        switch judgement {
        case .undecided, .bad: return nil
        case .advanced(_, _, let reason), .finished(let reason):
            if policy.gates.contains(percent), openedGate != percent {
                return (.paused(percent: percent), "waits for an operator: \(reason)")
            }
            ramp = next
            if case .finished = judgement { return (.promoted, reason) }
            return (.running(percent: next.percent), reason)
        }
    }

    /// The objective, or what the old version reaches if that is more.
    private func limit(_ objective: Duration?, at now: Duration) -> Duration? {
        let old = baseline.total(at: now).latencies
        guard old.count >= policy.ramp.minimumSample, let p95 = old.quantile(0.95) else { return objective }
        let reached = p95 * policy.latencyTolerance
        return objective.map { max($0, reached) } ?? reached
    }
}
