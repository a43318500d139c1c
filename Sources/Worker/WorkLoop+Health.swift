import BackendHost
import Domain
import Fleet
import Logging
import Queue
import Synchronization

extension WorkLoop {
    /// The least time between two heartbeats, however many attempts fail: what is told sooner is no news.
    static let reportSpacing = Duration.milliseconds(100)

    /// Notes how an attempt ended, for the controller and for the worker's own breaker. Returns whether the controller
    /// should know at once.
    func note(
        _ result: AttemptResult, of job: ClaimedJob, _ outcome: BackendOutcome, _ reason: WorkerMachine.StopReason?,
        latency: Duration, at now: Duration, _ state: inout State
    ) -> Bool {
        switch result.outcome {
        case .succeeded:
            _ = state.ledger.record(nil, stage: job.stage, latency: latency, retryAfter: nil)
            // The first of a new stage may be what the controller waits for.
            guard state.toldStage != job.stage else { return false }
            state.toldStage = job.stage
            return true
        case .failed, .retried:
            var rest: Duration?
            if case .failed(_, _, let asked, _) = outcome { rest = asked }
            guard state.ledger.record(result.errorClass, stage: job.stage, latency: latency, retryAfter: rest) else {
                return false
            }
            guardAgain(&state, at: now)
            return true
        case .cancelled, .expired, .released:
            if reason == .overtaken { state.ledger.recordOvertaken(stage: job.stage, after: latency) }
            return false
        }
    }

    /// The worker's own breaker sees what happened; what waits here for a slot is given back when it trips.
    func guardAgain(_ state: inout State, at now: Duration) {
        var random = SystemRandomNumberGenerator()
        let transitions = state.guardian.observed(state.ledger.takeRecent(), at: now, using: &random)
        for transition in transitions {
            logger.notice(
                "The worker's own breaker changed.",
                metadata: ["reason": "\(transition.reason)", "is_guarding": "\(state.isGuarding)"])
        }
        let before = state.machine.allowance
        state.machine.allowance = state.guardian.allowance(
            slots: instance.slots, mayStop: state.isGuarding, at: now, using: &random)
        if state.machine.allowance != nil, before == nil { giveBack(state.machine.heldBack(), &state) }
    }

    /// What the next heartbeat is to tell.
    func report(_ state: inout State, at now: Duration) -> WorkerReport {
        guardAgain(&state, at: now)
        var report = WorkerReport()
        report.memory = settings.memory()
        report.isWell = state.isWell
        state.isWell = nil
        report.sample = state.ledger.takeSample()
        if report.sample != nil { state.toldAt = now }
        return report
    }

    /// The database answered a heartbeat that was sent at `sent`.
    func heard(_ reply: HeartbeatReply, sent: Duration, _ state: inout State) {
        if let age = reply.decided { state.guardian.heard(decidedAt: sent - age, toldAt: state.toldAt) }
        state.isGuarding = reply.guards
        // What the operators tolerate, its own breaker tolerates, too.
        var policy = BreakerPolicy()
        if let percent = reply.errorPercent { policy.errorLimit = percent / 100 }
        if let failures = reply.failuresInARow { policy.maximumConsecutiveFailures = Int(failures) }
        if policy != state.guardian.policy { state.guardian = WorkerGuard(policy, at: now) }
        guardAgain(&state, at: now)
        if reply.healthWanted { healthSignal.raise() }
    }

    /// Asks the backend how it is whenever the controller has too little traffic to judge by, until the loop is closed.
    ///
    /// A backend that does not answer within `HealthInquiry.patience` is told of as not well; the end of the worker waits for
    /// no answer.
    func askHealth() async {
        while !Task.isCancelled {
            await healthSignal.wait()
            if state.withLock({ $0.isClosed }) { return }
            guard let isWell = await inquiry.isWell() else { return }
            state.withLock { $0.isWell = isWell }
        }
    }
}
