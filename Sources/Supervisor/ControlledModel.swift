import Fleet
import Queue

/// One model as the controller steers it: takes in what SQL says of it, asks `ModelController`, and says what SQL is to
/// hold instead. Pure.
///
/// What it wants is compared with what was read, so an order that was refused, because an operator was faster, is given
/// again after the next look. Times are those of the database's clock, since 1970, so that any supervisor can go on.
struct ControlledModel: Sendable {
    /// The most decisions kept for a database that does not take them.
    private static let maximumDecisions = 200
    /// A score that moved less is not written anew.
    private static let scoreStep = 0.05
    /// The least time between two answers of the backends that count as probes.
    private static let probeInterval = Duration.seconds(1)

    private let id: Int32
    private var controller: ModelController
    private var policy: ModelPolicy
    private var declared: [DeclaredDeployment]
    /// The shares SQL held at the last look.
    private var known: [String: BucketSet] = [:]
    /// The shares it should hold.
    private var wanted: [String: BucketSet]?
    /// Since when each deployment is judged by itself, as far as SQL counts that as a stage.
    private var judged: [String: Duration] = [:]
    /// Attempts claimed in an earlier stage say nothing of the present one.
    private var leastStage: [String: Int32] = [:]
    private var reasons: [String: String] = [:]
    private var probedAt: [String: Duration] = [:]
    private var rollout: SteeringOrders.Rollout?
    private var decisions: [SteeringOrders.Decision] = []
    private var isInDoubt = true
    private var hedging = Hedging()

    /// Goes on where SQL says that the last controller was.
    init(
        _ model: SteeredModel, _ deployments: [SteeredDeployment], _ rollout: SteeredRollout?, at now: Duration
    ) {
        id = model.id
        policy = ModelPolicy(model)
        declared = deployments.map { DeclaredDeployment($0, model) }
        known = Self.shares(of: deployments)
        controller = ModelController(shares: known)
        var breakers: [String: (state: Breaker.State, openings: Int)] = [:]
        for deployment in deployments {
            breakers[deployment.name] = (deployment.breakerState, Int(deployment.health.openings))
            reasons[deployment.name] = deployment.health.reason
        }
        controller.restore(policy, declared, breakers: breakers, at: now)
        if let rollout, rollout.isSeen {
            if let state = rollout.rolloutState, let pair = Self.pair(of: rollout, in: deployments) {
                controller.restore(
                    state, candidate: pair.candidate, baseline: pair.baseline,
                    policy: RolloutPolicy(policy, gates: rollout.gates), at: now)
            }
            self.rollout = SteeringOrders.Rollout(rollout)
        }
        for deployment in deployments {
            judged[deployment.name] = controller.judgedSince(deployment.name)
            leastStage[deployment.name] = deployment.stage
        }
    }

    /// Takes in what was read at `now`, with the samples taken since the last look, and says what to write; nil when
    /// everything is as it should be.
    mutating func look(
        _ model: SteeredModel, _ deployments: [SteeredDeployment], _ rollout: SteeredRollout?,
        _ samples: [(deployment: Int32, sample: AttemptSample)], at now: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> SteeringOrders? {
        declare(model, deployments, at: now, &generator)
        for deployment in deployments { obey(deployment, at: now, &generator) }
        if let rollout { follow(rollout, deployments, at: now, &generator) }
        let told = Dictionary(grouping: samples, by: \.deployment)
        hedging.policy = HedgePolicy(model)
        for deployment in deployments {
            for (_, sample) in told[deployment.id] ?? [] { hedging.observed(OutcomeSummary(sample), at: now) }
        }
        let seen = deployments.map { sample($0, told[$0.id] ?? [], at: now) }
        let plan = controller.handle(.sampled(seen), at: now, using: &generator)
        absorb(plan)
        return orders(model, deployments, plan)
    }

    /// The orders are in SQL.
    mutating func written(_ orders: SteeringOrders, _ deployments: [SteeredDeployment]) {
        decisions = []
        if let wanted { known.merge(wanted) { $1 } }
        wanted = nil
        if let written = orders.rollout { rollout = written }
        for (order, deployment) in zip(orders.deployments, deployments) where order.beginsStage {
            judged[deployment.name] = controller.judgedSince(deployment.name)
            leastStage[deployment.name] = deployment.stage + 1
        }
    }

    /// From when on jobs are late, and how many may get a second attempt; nil: none.
    mutating func hedge(at now: Duration) -> Hedging.Order? { hedging.order(at: now) }

    /// So many second attempts were begun.
    mutating func hedged(_ count: Int) { hedging.began(count) }

    /// Whether late jobs get second attempts at all.
    var hedges: Bool { hedging.policy != nil }

    /// The orders are not in SQL: something changed since it was read, or the answer was lost.
    mutating func refused() { isInDoubt = true }
}

// MARK: What SQL says

extension ControlledModel {
    private mutating func declare(
        _ model: SteeredModel, _ deployments: [SteeredDeployment], at now: Duration,
        _ generator: inout some RandomNumberGenerator
    ) {
        let next = ModelPolicy(model)
        let found = Self.shares(of: deployments)
        let declared = deployments.map { DeclaredDeployment($0, model) }
        guard isInDoubt || next != policy || declared != self.declared || found != known else { return }
        isInDoubt = false
        (policy, self.declared, known, wanted) = (next, declared, found, nil)
        controller.found(found)
        absorb(controller.handle(.declared(policy, declared), at: now, using: &generator))
    }

    /// What operators asked for one deployment.
    private mutating func obey(
        _ deployment: SteeredDeployment, at now: Duration, _ generator: inout some RandomNumberGenerator
    ) {
        let name = deployment.name
        guard let state = controller.state(of: name)?.state else { return }
        let isOut = deployment.isTakenOut
        if isOut, state != .isolated {
            let reason = deployment.stateReason.isEmpty ? deployment.state : deployment.stateReason
            absorb(
                controller.handle(.isolationRequested(deployment: name, reason: reason), at: now, using: &generator))
        } else if !isOut, let way = deployment.restoreWanted {
            let event = ModelController.Event.restoreRequested(deployment: name, byRamp: way == "by_ramp")
            absorb(controller.handle(event, at: now, using: &generator))
        } else if !isOut, state == .isolated {
            // A swap, a rollout: the verb has said so.
            let event = ModelController.Event.restoreRequested(deployment: name, byRamp: false)
            absorb(controller.handle(event, at: now, using: &generator), isTold: true)
        }
    }

    /// What operators asked of the rollout.
    private mutating func follow(
        _ row: SteeredRollout, _ deployments: [SteeredDeployment], at now: Duration,
        _ generator: inout some RandomNumberGenerator
    ) {
        let isNew = rollout?.id != row.id
        guard isNew || rollout?.state != row.state else { return }
        rollout = SteeringOrders.Rollout(row)
        if isNew {
            guard row.rolloutState != nil, let pair = Self.pair(of: row, in: deployments) else { return }
            let policy = RolloutPolicy(policy, gates: row.gates)
            let event = ModelController.Event.rolloutRequested(
                candidate: pair.candidate, baseline: pair.baseline, policy)
            return absorb(controller.handle(event, at: now, using: &generator))
        }
        let event: Rollout.Event =
            switch row.state {
            case "running": .resumeRequested
            case "paused": .pauseRequested(reason: row.reason)
            case "promoted": .promoteRequested(reason: row.reason)
            default: .rollbackRequested(reason: row.reason)
            }
        absorb(controller.handle(.rolloutSteered(event), at: now, using: &generator), isTold: true)
    }

    /// - Parameter samples: those of this deployment.
    private mutating func sample(
        _ deployment: SteeredDeployment, _ samples: [(deployment: Int32, sample: AttemptSample)], at now: Duration
    ) -> DeploymentSample {
        let name = deployment.name
        let least = controller.judgedSince(name) == nil ? 0 : leastStage[name] ?? 0
        let isPending = controller.judgedSince(name) != judged[name] && controller.judgedSince(name) != nil
        var outcomes = OutcomeSummary()
        for (_, sample) in samples where sample.stage >= least && !isPending {
            outcomes.append(OutcomeSummary(sample))
        }
        var probe: Bool?
        if deployment.health.healthWanted, let isWell = deployment.isWell,
            now - (probedAt[name] ?? .zero) >= Self.probeInterval
        {
            probedAt[name] = now
            probe = isWell
        }
        return DeploymentSample(
            name, outcomes: outcomes, capacity: Double(deployment.capacity), isManned: deployment.isManned,
            heartbeatAge: deployment.heartbeatAge, memory: deployment.memory, probeSucceeded: probe)
    }

    /// - Parameter isTold: whether the verb that asked for it has already recorded it.
    private mutating func absorb(_ plan: ModelController.Plan, isTold: Bool = false) {
        if let shares = plan.shares { wanted = shares }
        for decision in plan.decisions where decision.kind != .shares {
            if let name = decision.deployment { reasons[name] = decision.reason }
            guard !isTold, decisions.count < Self.maximumDecisions else { continue }
            decisions.append(
                SteeringOrders.Decision(
                    kind: decision.kind.rawValue, subject: decision.deployment.map { "deployment \($0)" } ?? "",
                    reason: decision.reason))
        }
    }

    private static func shares(of deployments: [SteeredDeployment]) -> [String: BucketSet] {
        Dictionary(deployments.map { ($0.name, BucketSet(multirange: $0.share) ?? BucketSet()) }) { $1 }
    }

    private static func pair(
        of rollout: SteeredRollout, in deployments: [SteeredDeployment]
    ) -> (candidate: String, baseline: String)? {
        guard let candidate = deployments.first(where: { $0.id == rollout.candidate }),
            let baseline = deployments.first(where: { $0.id == rollout.baseline })
        else { return nil }
        return (candidate.name, baseline.name)
    }
}

// MARK: What SQL is to hold

extension ControlledModel {
    private func orders(
        _ model: SteeredModel, _ deployments: [SteeredDeployment], _ plan: ModelController.Plan
    ) -> SteeringOrders? {
        var orders = SteeringOrders(model: id)
        var isNews = !decisions.isEmpty
        for deployment in deployments {
            let order = order(deployment, plan)
            isNews =
                isNews || order.share != nil || order.beginsStage || order.wantsProbe
                || order.health != deployment.health || deployment.restoreWanted != nil
                || order.rampPercent != deployment.rampPercent.map(Int32.init) && !deployment.isTakenOut
            orders.deployments.append(order)
        }
        if let next = nextRollout(), next != rollout {
            orders.rollout = next
            isNews = true
        }
        guard isNews else { return nil }
        orders.decisions = decisions.map { decision in
            guard decision.subject.isEmpty else { return decision }
            return .init(kind: decision.kind, subject: "model \(model.name)", reason: decision.reason)
        }
        if let moves = moves() {
            orders.decisions.append(
                .init(kind: Decision.Kind.shares.rawValue, subject: "model \(model.name)", reason: moves))
        }
        return orders
    }

    private func order(_ deployment: SteeredDeployment, _ plan: ModelController.Plan) -> SteeringOrders.Deployment {
        let name = deployment.name
        var order = SteeringOrders.Deployment(deployment)
        guard let (state, openings) = controller.state(of: name) else { return order }
        if let share = wanted?[name], share != known[name] { order.share = share.multirange }
        order.rampPercent = rampPercent(name, state)
        order.beginsStage = controller.judgedSince(name).map { $0 != judged[name] } ?? false
        order.health = SteeredHealth(state)
        order.health.openings = Int32(clamping: openings)
        order.health.isKept = controller.keptDeployments.contains(name)
        order.health.healthWanted = plan.probes.contains(name)
        order.health.score = deployment.health.score
        order.health.reason = deployment.health.reason
        if let score = controller.health(of: name) {
            let hasMoved = (score.value - deployment.health.score).magnitude >= Self.scoreStep
            let isOther = order.health.breaker != deployment.health.breaker
            if hasMoved || isOther || (score.value == 1) != (deployment.health.score == 1) {
                order.health.score = score.value
                order.health.reason = state == .closed ? (score.value < 1 ? score.sentence : "") : reasons[name] ?? ""
            }
        }
        let isNewProbe = deployment.health.breaker != "probing" || order.beginsStage || deployment.isProbeLost
        order.wantsProbe = plan.oneJob.contains(name) && isNewProbe
        return order
    }

    private func rampPercent(_ name: String, _ state: Breaker.State) -> Int32? {
        if case .ramping(let percent) = state, percent < 100 { return Int32(percent) }
        guard name == controller.rolloutCandidate else { return nil }
        switch controller.rolloutState {
        case .running(let percent), .paused(let percent): return percent < 100 ? Int32(percent) : nil
        case .promoted, .rolledBack, nil: return nil
        }
    }

    private func nextRollout() -> SteeringOrders.Rollout? {
        guard var next = rollout, next.state == "running" || next.state == "paused",
            let state = controller.rolloutState
        else { return rollout }
        switch state {
        case .running(let percent): (next.state, next.percent) = ("running", Int32(percent))
        case .paused(let percent): (next.state, next.percent) = ("paused", Int32(percent))
        case .promoted: (next.state, next.percent) = ("promoted", 100)
        case .rolledBack: next.state = "rolled_back"
        }
        if next != rollout, let name = controller.rolloutCandidate { next.reason = reasons[name] ?? next.reason }
        return next
    }

    /// What moves, for people: "shares: a 50% → 0%, b 50% → 100%".
    private func moves() -> String? {
        guard let wanted, wanted.contains(where: { $0.value != known[$0.key] }) else { return nil }
        func percent(_ set: BucketSet?) -> String {
            let hundredths = (set?.count ?? 0) * 100 * 100 / BucketSet.bucketCount
            let rest = hundredths % 100
            let digits = rest == 0 ? "" : rest < 10 ? ".0\(rest)" : rest % 10 == 0 ? ".\(rest / 10)" : ".\(rest)"
            return "\(hundredths / 100)\(digits)%"
        }
        let texts = wanted.keys.sorted().filter { wanted[$0] != known[$0] }.map {
            "\($0) \(percent(known[$0])) → \(percent(wanted[$0]))"
        }
        return "shares: " + texts.joined(separator: ", ")
    }
}
