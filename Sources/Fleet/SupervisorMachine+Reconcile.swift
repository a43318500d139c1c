/// What there is is brought to what there should be.
extension SupervisorMachine {
    /// Drains, kills and spawns what the state asks for.
    mutating func reconcile(at now: Duration, _ actions: inout [Action]) {
        for child in children {
            guard case .draining(let end) = processes[child]?.stage, end <= now else { continue }
            kill(
                child, "was killed: it had not ended \(graces.drain) after it was asked to", chargesJobs: false,
                &actions)
        }
        if isShuttingDown { return drainAll(at: now, &actions) }
        switch tenure {
        case .none: return
        case .superseded(let since):
            if since + graces.succession <= now { drainAll(at: now, &actions) }
        case .keeping:
            guard let wanted else { return }
            for want in wanted { reconcile(want, at: now, &actions) }
            let known = Set(wanted.map(\.deployment))
            for child in children {
                if let process = processes[child], process.isLive, !known.contains(process.deployment) {
                    drain(child, at: now, &actions)
                }
            }
        }
    }

    /// When something is due by itself.
    func nextWake(after now: Duration) -> Duration? {
        var next: Duration?
        func consider(_ time: Duration) {
            guard time > now else { return }
            next = min(next ?? time, time)
        }
        for process in processes.values {
            switch process.stage {
            case .draining(let end): consider(end)
            case .starting, .running, .killed: break
            }
        }
        guard !isShuttingDown else { return next }
        switch tenure {
        case .keeping: for gate in gates.values { consider(gate.opens) }
        case .superseded(let since): if !processes.isEmpty { consider(since + graces.succession) }
        case .none: break
        }
        return next
    }

    private mutating func drainAll(at now: Duration, _ actions: inout [Action]) {
        for child in children.reversed() where processes[child]?.isLive == true { drain(child, at: now, &actions) }
    }

    private mutating func drain(_ child: Child, at now: Duration, _ actions: inout [Action]) {
        if let process = processes[child], process.readySince == nil { processes[child]?.isAbandoned = true }
        processes[child]?.stage = .draining(until: now + graces.drain)
        actions.append(.drain(child))
    }

    private mutating func reconcile(_ want: Wanted, at now: Duration, _ actions: inout [Action]) {
        let all = children.filter { processes[$0]?.deployment == want.deployment }
        let live = all.filter { processes[$0]?.isLive == true }
        let old = live.filter { processes[$0]?.revision != want.revision }
        let current = live.filter { processes[$0]?.revision == want.revision }
        let isLoading = current.contains { processes[$0]?.readySince == nil }

        // Old ones go first, then the newest. The one for which a new one has been started waits until that is ready.
        let surplus = live.count - want.workers
        if surplus > 0 {
            let kept = !old.isEmpty && isLoading && want.workers > 0 ? 1 : 0
            for child in (old.reversed() + current.reversed()).prefix(max(0, surplus - kept)) {
                drain(child, at: now, &actions)
            }
            return
        }
        guard (gates[want.deployment]?.opens ?? .zero) <= now else { return }
        var missing = want.workers - live.count
        if missing == 0, let oldest = old.first, !isLoading {
            if want.isReplacementRefused {
                if all.count == live.count { drain(oldest, at: now, &actions) }
                return
            }
            missing = 1
        }
        let room = want.room - all.count
        for _ in 0..<max(0, min(missing, room)) {
            let child = newChild()
            processes[child] = Process(deployment: want.deployment, revision: want.revision, since: now)
            actions.append(.spawn(child, deployment: want.deployment, revision: want.revision))
        }
    }
}
