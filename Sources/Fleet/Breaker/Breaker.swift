/// Isolates a deployment that fails, and brings it back in judged steps. Pure: what happened and when goes in,
/// transitions come out.
///
/// It is in one of these states:
/// - *closed*: it gets its share. Left by failures, for *open*.
/// - *open*: it gets nothing until a time. Left when that has passed, for *probing*.
/// - *probing* (half open): it gets one job, a real one, as Linkerd's and Finagle's breakers do: a health check is not
///   what clients send. Left by that job's outcome, for *ramping* or *open*.
/// - *ramping*: it gets a part of its share that grows in judged steps (`Ramp`). Left by a bad step, for *open*, or by
///   the last good one, for *closed*.
/// - *isolated*: an operator said so. Left by an operator only.
///
/// Each opening that follows another doubles the time it is open, with jitter, never below the policy's minimum; each
/// `forgiveness` spent closed takes one doubling back. Callers' faults and lost workers never count.
package struct Breaker: Sendable, Hashable {
    /// Where it is. A new controller goes on from here.
    package enum State: Sendable, Hashable {
        case closed
        case open(until: Duration)
        case probing
        case ramping(percent: Int)
        case isolated
    }

    /// What happened.
    package enum Event: Sendable, Hashable {
        /// Attempts ended. In *probing* and *ramping* those that had begun before must be left out.
        case observed(OutcomeSummary, latencyLimit: Duration?)
        /// An active probe ended. Only a ramp without traffic asks for it.
        case probed(succeeded: Bool)
        /// Its health is below what is served from.
        case judgedSick(reason: String)
        /// An operator wants it out, for good.
        case isolationRequested(reason: String)
        /// An operator wants it back: by the ramp, or at once.
        case restoreRequested(byRamp: Bool)
        /// Time passed.
        case ticked
    }

    /// A change of state, or of a ramp's step.
    package struct Transition: Sendable, Hashable {
        /// Where it was.
        package let from: State
        /// Where it is now.
        package let to: State
        /// Why, for people.
        package let reason: String
    }

    /// Its policy.
    package let policy: BreakerPolicy
    /// Where it is.
    package internal(set) var state: State
    /// Since when.
    package internal(set) var since: Duration
    /// How many openings its open time has been doubled for, plus one; 0 when the next is the first.
    package internal(set) var openings: Int
    /// The outcomes of the policy's window, forgotten when it opens.
    package internal(set) var window: OutcomeWindow
    var consecutiveFailures = 0
    var ramp: Ramp?
    var forgivenAt: Duration

    /// A closed breaker, or one that goes on where another controller left it.
    package init(_ policy: BreakerPolicy, state: State = .closed, openings: Int = 0, at now: Duration = .zero) {
        self.policy = policy
        self.state = state
        self.openings = max(0, openings)
        since = now
        forgivenAt = now
        window = OutcomeWindow(length: policy.window)
        if case .ramping(let percent) = state {
            let step = policy.ramp.steps.lastIndex { $0 <= percent } ?? 0
            let ramp = Ramp(policy.ramp, step: step, at: now)
            self.ramp = ramp
            self.state = .ramping(percent: ramp.percent)
        }
    }

    /// The part of its share it may have, 0 to 1.
    package var fraction: Double {
        switch state {
        case .closed: 1
        case .ramping(let percent): Double(percent) / 100
        case .open, .probing, .isolated: 0
        }
    }

    /// Whether one job is to be given to it whatever its share.
    package var wantsOneJob: Bool { state == .probing }

    /// Whether active probes are of use to it.
    package func wantsProbes(at now: Duration) -> Bool { ramp?.wantsProbes(at: now) ?? false }

    /// Takes in what happened at `now`, which never goes back, and says what changed: at most two transitions.
    package mutating func handle(
        _ event: Event, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> [Transition] {
        var transitions: [Transition] = []
        func change(_ breaker: inout Breaker, to state: State, _ reason: String) {
            transitions.append(Transition(from: breaker.state, to: state, reason: reason))
            breaker.state = state
            breaker.since = now
        }
        if case .open(let end) = state, end <= now {
            change(&self, to: .probing, "its time is up: one job is let through")
        }
        switch event {
        case .observed(let summary, let latencyLimit):
            if let (next, reason) = observed(summary, latencyLimit, at: now, &generator) {
                change(&self, to: next, reason)
            }
        case .probed(let succeeded):
            ramp?.probed(succeeded: succeeded, at: now)
            if let (next, reason) = judgeRamp(at: now, &generator) { change(&self, to: next, reason) }
        case .judgedSick(let reason):
            // Without a share there is nothing to lose.
            guard fraction > 0 else { break }
            change(&self, to: opened(at: now, rest: nil, &generator), reason)
        case .isolationRequested(let reason):
            guard state != .isolated else { break }
            forgetTraffic()
            change(&self, to: .isolated, reason)
        case .restoreRequested(let byRamp):
            guard state != .closed else { break }
            forgetTraffic()
            // Whoever restores it knows that the cause is gone.
            openings = 0
            if byRamp {
                change(&self, to: beginRamp(at: now), "restored by an operator, by the ramp")
            } else {
                forgivenAt = now
                change(&self, to: .closed, "restored by an operator, at once")
            }
        case .ticked:
            if let (next, reason) = judgeRamp(at: now, &generator) { change(&self, to: next, reason) }
        }
        forgive(at: now)
        return transitions
    }
}
