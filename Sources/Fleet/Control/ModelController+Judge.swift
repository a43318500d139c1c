/// What was seen is judged.
extension ModelController {
    mutating func declared(_ policy: ModelPolicy, _ deployments: [DeclaredDeployment], at now: Duration) {
        let isNewPolicy = policy != self.policy
        self.policy = policy
        var next: [String: Member] = [:]
        for deployment in deployments {
            var member =
                members[deployment.name]
                ?? Member(declared: deployment, breaker: Breaker(policy.breaker, at: now))
            member.declared = deployment
            if isNewPolicy {
                member.breaker = Breaker(
                    policy.breaker, state: member.breaker.state, openings: member.breaker.openings, at: now)
            }
            next[deployment.name] = member
        }
        members = next
        kept.formIntersection(next.keys)
        retired.formIntersection(next.keys)
        if let rollout, next[rollout.candidate] == nil || next[rollout.baseline] == nil { self.rollout = nil }
    }

    /// Takes in everything that the breaker does not judge.
    mutating func observe(_ sample: DeploymentSample, at now: Duration) {
        guard var member = members[sample.deployment] else { return }
        member.capacity = max(0, sample.capacity)
        member.isManned = sample.isManned
        if let succeeded = sample.probeSucceeded { member.probeFailures = succeeded ? 0 : member.probeFailures + 1 }
        if sample.outcomes.succeeded > 0 { member.probeFailures = 0 }
        if let mean = sample.outcomes.latencies.mean { member.latency.record(mean, at: now) }
        members[sample.deployment] = member
    }

    /// Rollout first, then breakers, then health: a bad new version is rolled back before its breaker can speak.
    mutating func judge(
        _ samples: [String: DeploymentSample], at now: Duration, _ decisions: inout [Decision],
        _ generator: inout some RandomNumberGenerator
    ) {
        judgeRollout(samples, at: now, &decisions)
        for name in members.keys.sorted() {
            let sample = samples[name] ?? DeploymentSample(name)
            let limit = objective(of: name, at: now)
            if let succeeded = sample.probeSucceeded {
                act(.probed(succeeded: succeeded), on: name, at: now, &decisions, &generator)
            }
            act(.observed(sample.outcomes, latencyLimit: limit), on: name, at: now, &decisions, &generator)
            guard var member = members[name] else { continue }
            member.score = HealthScore(
                HealthReading(
                    outcomes: member.breaker.window.total(at: now), latencyObjective: limit,
                    probeFailures: member.probeFailures, heartbeatAge: sample.heartbeatAge, memory: sample.memory),
                policy: policy.health)
            member.grade.update(member.score.value, policy: policy.health)
            member.forecast.record(
                sample.outcomes, memory: sample.memory, policy: policy.health, latencyObjective: limit, at: now)
            warn(&member, &decisions)
            members[name] = member
            if member.grade.weight == 0 {
                act(.judgedSick(reason: member.score.sentence), on: name, at: now, &decisions, &generator)
            }
        }
    }

    mutating func act(
        _ event: Breaker.Event, on name: String, at now: Duration, _ decisions: inout [Decision],
        _ generator: inout some RandomNumberGenerator
    ) {
        guard let transitions = members[name]?.breaker.handle(event, at: now, using: &generator) else { return }
        decisions += transitions.map { Decision($0, of: name, at: now) }
        guard let last = transitions.last else { return }
        // What it was graded for is over: the next reading grades it anew.
        if last.to == .closed { members[name]?.grade = HealthGrade() }
        if case .open = last.to {
            members[name]?.forecast.forget()
            if rollout?.candidate == name { steer(.judgedSick(reason: last.reason), at: now, &decisions) }
        }
    }

    /// Each warning once, and again only after it had gone.
    private func warn(_ member: inout Member, _ decisions: inout [Decision]) {
        for warning in member.forecast.warnings where !member.announced.contains(warning.aspect) {
            decisions.append(
                Decision(
                    kind: .warning, deployment: member.declared.name,
                    reason: "\(member.declared.name): \(warning.text)"))
        }
        member.announced = Set(member.forecast.warnings.map(\.aspect))
    }

    /// What was declared, or what its peers make of it.
    private func objective(of name: String, at now: Duration) -> Duration? {
        if let declared = members[name]?.declared.latencyObjective { return declared }
        let peers = members.filter { $0.key != name }.compactMap { _, peer -> Duration? in
            let latencies = peer.breaker.window.total(at: now).latencies
            return latencies.count >= policy.health.minimumSample ? latencies.quantile(0.95) : nil
        }.sorted()
        return peers.isEmpty ? nil : peers[(peers.count - 1) / 2] * policy.peerLatency
    }
}

/// The rollout.
extension ModelController {
    mutating func begin(
        _ candidate: String, over baseline: String, _ policy: RolloutPolicy, at now: Duration,
        _ decisions: inout [Decision]
    ) {
        guard candidate != baseline, members[candidate] != nil, members[baseline] != nil else { return }
        if rollout?.machine.isUnderWay == true {
            steer(.rollbackRequested(reason: "another rollout began"), at: now, &decisions)
        }
        retire(loser, unless: candidate)
        retired.remove(baseline)
        let machine = Rollout(policy, at: now)
        rollout = (machine, candidate, baseline)
        let percent = Prose.percent(machine.fraction, digits: 0)
        decisions.append(
            Decision(
                kind: .rollout, deployment: candidate,
                reason: "\(candidate): 0% → \(percent), takes over from \(baseline)"))
    }

    /// Who lost the last rollout, if it is over.
    private var loser: String? {
        guard let rollout, !rollout.machine.isUnderWay else { return nil }
        return rollout.machine.state == .promoted ? rollout.baseline : rollout.candidate
    }

    /// Keeps one out of service, and lets another back in.
    mutating func retire(_ name: String?, unless restored: String) {
        if let name { retired.insert(name) }
        retired.remove(restored)
        // A rollout that is over says nothing more about who was restored.
        if loser == restored { rollout = nil }
    }

    mutating func steer(_ event: Rollout.Event, at now: Duration, _ decisions: inout [Decision]) {
        guard let transition = rollout?.machine.handle(event, at: now), let candidate = rollout?.candidate else {
            return
        }
        decisions.append(Decision(transition, of: candidate))
    }

    private mutating func judgeRollout(
        _ samples: [String: DeploymentSample], at now: Duration, _ decisions: inout [Decision]
    ) {
        guard let (machine, candidate, baseline) = rollout, machine.isUnderWay else { return }
        if let succeeded = samples[candidate]?.probeSucceeded {
            steer(.probed(succeeded: succeeded), at: now, &decisions)
        }
        steer(
            .observed(
                candidate: samples[candidate]?.outcomes ?? OutcomeSummary(),
                baseline: samples[baseline]?.outcomes ?? OutcomeSummary(),
                latencyObjective: members[candidate]?.declared.latencyObjective),
            at: now, &decisions)
    }
}
