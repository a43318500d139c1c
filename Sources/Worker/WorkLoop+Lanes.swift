import BackendHost
import Domain
import Fleet
import Lifeline
import Logging
import Queue
import Synchronization

extension WorkLoop {
    /// Runs one job after the other in slot `lane` until the loop is closed.
    func runLane(_ lane: Int) async {
        while let (job, timeLeft) = await nextJob() {
            guard timeLeft > .zero else {
                ended(job, .cancelled, reason: .deadline, began: now)
                continue
            }
            board?.set(slot: lane, job: job.id)
            let began = now
            logBegin(job)
            // The job keeps what the client sent; only the backend sees what the arm makes of it.
            let body = job.treatment.flatMap(Treatment.init)?.applied(to: job.payload, kind: job.kind) ?? job.payload
            let outcome = await instance.execute(
                BackendCall(
                    job: job.id, attempt: Int(job.attempt), kind: job.kind, body: body,
                    isStreaming: job.isStreaming, deadline: timeLeft),
                onChunk: receiver(of: job))
            if case .abandoned = outcome { return }
            if job.isStreaming { chunks.withLock { $0.ended(job.id) } }
            board?.set(slot: lane, job: 0)
            ended(job, outcome, reason: nil, began: began)
        }
    }

    /// The next job and the time it has; waits for one, and is nil when the loop is closed.
    private func nextJob() async -> (ClaimedJob, Duration)? {
        while true {
            let now = now
            let (job, isClosed) = state.withLock { state -> ((ClaimedJob, Duration)?, Bool) in
                if state.isClosed { return (nil, true) }
                guard let job = state.machine.startNext(at: now) else { return (nil, false) }
                return ((job, state.machine.timeLeft(of: job.id, at: now)), false)
            }
            if let job { return job }
            if isClosed { return nil }
            await withCheckedContinuation { continuation in
                // Something may have come between the look and this.
                let mayWait = state.withLock { state in
                    guard !state.isClosed, !state.machine.hasWaitingJobs else { return false }
                    state.idleLanes.append(continuation)
                    return true
                }
                if !mayWait { continuation.resume() }
            }
        }
    }

    /// Records how a job ended, and lets the others know as far as it concerns them.
    private func ended(
        _ job: ClaimedJob, _ outcome: BackendOutcome, reason known: WorkerMachine.StopReason?, began: Duration
    ) {
        let now = now
        let (isFirstEnd, wantsClaim, isNews, result) = state.withLock { state -> (Bool, Bool, Bool, AttemptResult?) in
            guard let (held, asked) = state.machine.ended(job.id, at: now) else { return (false, false, false, nil) }
            let reason = known ?? asked
            guard let result = verdict.result(of: held, outcome: outcome, reason: reason) else {
                return (false, false, false, nil)
            }
            switch result.outcome {
            case .succeeded: state.counters.succeeded += 1
            case .retried: state.counters.retried += 1
            default: state.counters.failed += 1
            }
            state.ends.append(result)
            let isFirstEnd = state.ends.count == 1
            let isNews = note(result, of: job, outcome, reason, latency: now - began, at: now, &state)
            return (isFirstEnd, state.machine.wantsClaim, isNews, result)
        }
        if let result { logEnd(job, result, after: now - began) }
        if isFirstEnd { endSignal.raise() }
        if wantsClaim { claimSignal.raise() }
        if isNews { beatSignal.raise() }
        if result?.errorClass == .fatal { backendFailed() }
    }

    /// The backend says it is unusable: another process must take over.
    private func backendFailed() {
        logger.error("The backend says that its instance is unusable; the worker ends so that another can replace it.")
        state.withLock { $0.isFatal = true }
        drainRequested()
    }

    /// Wakes lanes for `count` jobs that wait for one.
    func wakeLanes(_ count: Int) {
        let lanes = state.withLock { state in
            let woken = state.idleLanes.suffix(count)
            state.idleLanes.removeLast(woken.count)
            return woken
        }
        for lane in lanes { lane.resume() }
    }
}
