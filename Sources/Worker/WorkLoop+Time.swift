import BackendHost
import Domain
import Fleet
import Lifeline
import Logging
import Queue
import Synchronization

extension WorkLoop {
    /// How finely time-outs are seen to.
    private static let tick = Duration.milliseconds(100)
    /// How long the other jobs may take to end when one is hung.
    private static let hungGrace = Duration.seconds(10)

    /// Renews the leases, stops what is out of time, and notices a hung backend, until the worker has drained.
    func keepTime() async throws {
        var nextBeat = Duration.zero
        var lastBeat = Duration.zero - Self.reportSpacing
        var saidDraining = false
        while !Task.isCancelled && !hasDrained {
            let isDraining = state.withLock { $0.drainRequestedAt != nil }
            if isDraining && !saidDraining {
                saidDraining = true
                await sayDraining()
            }
            if now >= nextBeat {
                lastBeat = now
                try await beat()
                // Held back by its own breaker, it listens for the controller's word.
                let isWaiting = state.withLock {
                    $0.machine.allowance != nil && $0.guardian.isTripped || $0.ledger.isUrgent
                }
                nextBeat = lastBeat + (isWaiting ? Self.reportSpacing : settings.heartbeat)
            }
            checkMemory()
            try checkTime()
            let holds = state.withLock { !$0.machine.isIdle || !$0.machine.hung.isEmpty }
            let pause =
                holds ? min(Self.tick, max(.milliseconds(1), nextBeat - now)) : max(.milliseconds(1), nextBeat - now)
            let asleepAt = now
            await beatSignal.wait(atMost: pause)
            // Woken early: somebody has a word for us, or we have one for the controller.
            if now - asleepAt < pause { nextBeat = min(nextBeat, lastBeat + Self.reportSpacing) }
        }
        let (isFatal, memory) = state.withLock { ($0.isFatal, $0.memoryAtDrain) }
        if Task.isCancelled { return }
        if isFatal { throw WorkerEnd(.backendFatal, "The backend said that its instance is unusable.") }
        if let memory {
            throw WorkerEnd(
                .memoryDrained, "It used \(Int(memory * 100))% of the memory it may, and drained.")
        }
    }

    /// Drains when there is little left of the memory it may use.
    private func checkMemory() {
        guard let memory = settings.memory(), memory >= settings.memoryDrain else { return }
        let isFirst = state.withLock { state in
            guard state.drainRequestedAt == nil else { return false }
            state.memoryAtDrain = memory
            return true
        }
        guard isFirst else { return }
        logger.warning(
            "The worker is close to its memory limit.", metadata: ["memory.percent": "\(Int(memory * 100))"])
        drainRequested()
    }

    private func beat() async throws {
        let sent = now
        let (inFlight, report) = state.withLock { ($0.machine.heldJobs, self.report(&$0, at: sent)) }
        do {
            let reply = try await queue.heartbeat(worker: registration.worker, inFlight: inFlight, report: report)
            if reply.wanted == .exit { throw WorkerEnd(.declaredDead, "The database says this worker is dead.") }
            let now = now
            let (stop, given, isOtherPhase) = state.withLock { state in
                let (phase, allowance) = (state.machine.phase, state.machine.allowance)
                let (stop, given) = state.machine.heartbeatReplied(reply, at: now)
                giveBack(given, &state)
                if reply.wanted == .drain && state.drainRequestedAt == nil { state.drainRequestedAt = now }
                heard(reply, sent: sent, &state)
                return (
                    stop, state.ends.count, state.machine.phase != phase || state.machine.allowance != allowance
                )
            }
            self.stop(stop)
            if isOtherPhase { claimSignal.raise() }
            if given > 0 || isOtherPhase { endSignal.raise() }
        } catch let error as QueueError {
            // The connection's keeper sees to it; the lease is longer than a few of these.
            logger.debug("A heartbeat failed.", metadata: ["error": "\(error)"])
        }
    }

    private func sayDraining() async {
        do {
            try await queue.workerDraining(registration.worker)
        } catch {
            logger.debug("The database was not told of the drain.", metadata: ["error": "\(error)"])
        }
    }

    private func checkTime() throws {
        let now = now
        let (stop, isOver) = state.withLock { state -> ([Int64], Bool) in
            var stop = state.machine.timePassed(now)
            if let requested = state.drainRequestedAt, !state.graceEnded, now - requested >= settings.drainGrace {
                state.graceEnded = true
                stop += state.machine.drainGraceEnded(at: now)
            }
            guard !state.machine.hung.isEmpty else {
                state.hungAt = nil
                return (stop, false)
            }
            if state.hungAt == nil {
                state.hungAt = now
                giveBack(state.machine.drainRequested(), &state)
            }
            let isOver = state.machine.isIdle && state.ends.isEmpty || now - (state.hungAt ?? now) >= Self.hungGrace
            return (stop, isOver)
        }
        self.stop(stop)
        if state.withLock({ $0.machine.phase == .draining }) { endSignal.raise() }
        if isOver {
            let hung = state.withLock { $0.machine.hung }
            throw WorkerEnd(
                .hung, "The backend did not end \(hung.count == 1 ? "job \(hung[0])" : "\(hung.count) jobs") in time.")
        }
    }

    /// Tells the backend to stop jobs; their ends come when it does.
    private func stop(_ jobs: [Int64]) {
        for job in jobs { instance.cancel(job: job) }
    }
}
