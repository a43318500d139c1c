import Domain

/// When it opens, and how its ramp is judged.
extension Breaker {
    mutating func observed(
        _ summary: OutcomeSummary, _ latencyLimit: Duration?, at now: Duration,
        _ generator: inout some RandomNumberGenerator
    ) -> (State, String)? {
        switch state {
        case .open, .isolated: return nil
        case .closed:
            window.record(summary, at: now)
            guard let reason = trip(summary, at: now) else { return nil }
            return (opened(at: now, rest: summary.retryAfter, &generator), reason)
        case .probing:
            if summary.errors + summary.overloads > 0 {
                let failed = summary.failed.filter { $0.key.blame != .caller && $0.key.blame != .nobody }
                let classes = failed.keys.map(\.rawValue).sorted().joined(separator: ", ")
                return (opened(at: now, rest: summary.retryAfter, &generator), "the job let through failed: \(classes)")
            }
            // A fault of the caller's is an answer, but no proof; another job is let through.
            guard summary.succeeded > 0 else { return nil }
            return (beginRamp(at: now), "the job let through succeeded")
        case .ramping:
            ramp?.record(summary, latencyLimit: latencyLimit)
            return judgeRamp(at: now, rest: summary.retryAfter, &generator)
        }
    }

    /// Why it has to open now.
    private mutating func trip(_ summary: OutcomeSummary, at now: Duration) -> String? {
        let run = summary.run
        let longest = max(run.longest, consecutiveFailures + run.leading)
        consecutiveFailures = run.trailing == run.count ? consecutiveFailures + run.count : run.trailing
        if summary.count(.credentials) > 0 { return "its credentials were refused" }
        if longest > policy.maximumConsecutiveFailures { return "\(longest) failures in a row" }
        let total = window.total(at: now)
        if total.judged >= policy.minimumSample, total.errorRatio > policy.errorLimit {
            return "\(Prose.percent(total.errorRatio)) errors (\(total.errors) of \(total.judged))"
        }
        if total.judged + total.overloads >= policy.minimumSample, total.overloadRatio > policy.overloadLimit {
            return "\(Prose.percent(total.overloadRatio)) refused for want of room"
        }
        return nil
    }

    mutating func judgeRamp(
        at now: Duration, rest: Duration? = nil, _ generator: inout some RandomNumberGenerator
    ) -> (State, String)? {
        guard var ramp else { return nil }
        let judgement = ramp.judge(at: now)
        self.ramp = ramp
        switch judgement {
        case .undecided: return nil
        case .advanced(_, let percent, let reason): return (.ramping(percent: percent), reason)
        case .bad(let percent, let reason):
            return (opened(at: now, rest: rest, &generator), "relapse at \(percent)%: \(reason)")
        case .finished(let reason):
            forgetTraffic()
            forgivenAt = now
            return (.closed, reason)
        }
    }

    mutating func beginRamp(at now: Duration) -> State {
        let ramp = Ramp(policy.ramp, at: now)
        self.ramp = ramp
        return .ramping(percent: ramp.percent)
    }

    /// The longest time comes without jitter below it, so that the cap holds and chance still spreads what is capped.
    mutating func opened(
        at now: Duration, rest: Duration?, _ generator: inout some RandomNumberGenerator
    ) -> State {
        forgetTraffic()
        let jitter = max(0, policy.jitter)
        let minimum = max(.zero, policy.minimumOpen)
        let maximum = max(minimum, policy.maximumOpen)
        let base = minimum.doubled(times: openings, maximum: max(minimum, maximum / (1 + jitter)))
        let drawn = min(maximum, base * Double.random(in: 1...(1 + jitter), using: &generator))
        let asked = min(rest ?? .zero, RetryPolicy.maximumRetryAfter)
        openings = min(openings + 1, 64)
        return .open(until: now + max(minimum, drawn, asked))
    }

    mutating func forgetTraffic() {
        window.forget()
        consecutiveFailures = 0
        ramp = nil
    }

    mutating func forgive(at now: Duration) {
        guard state == .closed else { return }
        guard openings > 0, policy.forgiveness > .zero else { return forgivenAt = now }
        while openings > 0, now - forgivenAt >= policy.forgiveness {
            openings -= 1
            forgivenAt += policy.forgiveness
        }
    }
}
