/// What was judged becomes shares.
extension ModelController {
    mutating func plan(at now: Duration, _ decisions: [Decision], isTick: Bool) -> Plan {
        var plan = Plan()
        plan.decisions = decisions
        keep(&plan)
        let candidates = members.keys.sorted().compactMap(candidate)
        let (next, nextMap) = apportion(candidates)
        let isExact = !isTick || plan.decisions.contains { $0.kind != .warning }
        if isExact ? next != shares : isWorthMoving(to: next) {
            plan.decisions.append(
                Decision(kind: .shares, deployment: nil, reason: "shares: " + changes(to: next)))
            shares = next
            map = nextMap
            plan.shares = next
        }
        for (name, member) in members {
            if member.breaker.wantsOneJob { plan.oneJob.insert(name) }
            let isThin = member.score.isThin && member.capacity > 0 && shares[name]?.isEmpty == false
            let isAwaited = rollout?.candidate == name && rollout?.machine.wantsProbes(at: now) == true
            if isThin && member.breaker.state == .closed || isAwaited || member.breaker.wantsProbes(at: now) {
                plan.probes.insert(name)
            }
        }
        return plan
    }

    private mutating func keep(_ plan: inout Plan) {
        // With nobody there at all, those who come back must find work: then their places count.
        let isDeserted = members.values.allSatisfy { $0.capacity == 0 }
        let candidates = members.keys.sorted().compactMap { name -> PanicFloor.Candidate? in
            guard let member = members[name] else { return nil }
            let stretch = stretch(of: name)
            let weight = place(of: name)?.weight ?? 0
            let capacity = isDeserted ? weight : member.capacity
            return PanicFloor.Candidate(
                deployment: name, capacity: capacity * (stretch.upperBound - stretch.lowerBound),
                fraction: member.breaker.fraction, score: member.score.value,
                isExcluded: member.breaker.state == .isolated || weight <= 0)
        }
        let next = PanicFloor(floor: policy.panicFloor).kept(candidates, previously: kept)
        if !next.isEmpty, next != kept {
            let names = next.sorted().joined(separator: ", ")
            let part = Prose.percent(policy.panicFloor, digits: 0)
            plan.decisions.append(
                Decision(
                    kind: .panic, deployment: nil,
                    reason: "less than \(part) of the capacity is healthy: \(names) kept in service regardless"))
        } else if next.isEmpty, !kept.isEmpty {
            plan.decisions.append(
                Decision(kind: .calm, deployment: nil, reason: "enough of the capacity is healthy again"))
        }
        kept = next
    }

    private func candidate(_ name: String) -> ShareCandidate? {
        guard let member = members[name] else { return nil }
        let isKept = kept.contains(name)
        let place = place(of: name) ?? member.declared
        return ShareCandidate(
            name, weight: place.weight, tier: place.tier,
            // A ramp is judged step by step; a grade on top of it would only make the steps untrue.
            grade: isKept || member.breaker.fraction < 1 ? 1 : member.grade.weight,
            score: isKept ? 1 : member.score.value, fraction: isKept ? 1 : member.breaker.fraction,
            stretch: stretch(of: name), latency: member.latency.value, isManned: member.isManned)
    }

    /// Whose weight and tier it has: a new version takes the place of the old one.
    private func place(of name: String) -> DeclaredDeployment? {
        guard let rollout, rollout.candidate == name else { return members[name]?.declared }
        return members[rollout.baseline]?.declared
    }

    /// The stretch a rollout gives a deployment: all, unless it is one of the pair.
    private func stretch(of name: String) -> Range<Double> {
        if retired.contains(name) { return 0..<0 }
        guard let (machine, candidate, baseline) = rollout else { return 0..<1 }
        if name == candidate { return 0..<machine.fraction }
        return name == baseline ? machine.fraction..<1 : 0..<1
    }

    private func apportion(_ candidates: [ShareCandidate]) -> (shares: [String: BucketSet], map: BucketMap) {
        if policy.strategy == .leastBusy { return (Apportionment.overlapping(candidates), map) }
        var next = map
        next.apportion(Apportionment.counts(Apportionment.parts(candidates, by: policy.strategy)))
        let shares = candidates.map { ($0.deployment, next.owned[$0.deployment] ?? BucketSet()) }
        return (Dictionary(shares) { $1 }, next)
    }

    private func isWorthMoving(to next: [String: BucketSet]) -> Bool {
        let names = Set(next.keys).union(shares.keys)
        return names.contains { name in
            let (before, after) = (shares[name]?.count ?? 0, next[name]?.count ?? 0)
            let difference = Double((before - after).magnitude) / Double(BucketSet.bucketCount)
            return (before == 0) != (after == 0) || difference > policy.damping
        } || (shares.isEmpty && !next.isEmpty)
    }

    private func changes(to next: [String: BucketSet]) -> String {
        func percent(_ set: BucketSet?) -> String {
            Prose.percent(Double(set?.count ?? 0) / Double(BucketSet.bucketCount))
        }
        return Set(next.keys).union(shares.keys).sorted().filter {
            (shares[$0] ?? BucketSet()) != (next[$0] ?? BucketSet())
        }
        .map { "\($0) \(percent(shares[$0])) → \(percent(next[$0]))" }.joined(separator: ", ")
    }
}
