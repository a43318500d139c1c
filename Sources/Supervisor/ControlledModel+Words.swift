import Domain
import Fleet
import Queue

/// The words of SQL and the values of the machines.

extension SteeredDeployment {
    /// Whether an operator took it out of the traffic: that always wins.
    var isTakenOut: Bool { state == "isolated" || state == "draining" }

    /// Where the last controller left its breaker.
    var breakerState: Breaker.State {
        if isTakenOut { return .isolated }
        switch health.breaker {
        case "open": return .open(until: health.openUntil ?? .zero)
        case "probing": return .probing
        case "ramping": return .ramping(percent: Int(health.percent ?? 1))
        default: return .closed
        }
    }
}

extension SteeredHealth {
    /// A breaker's state in the words of SQL.
    init(_ state: Breaker.State) {
        self.init()
        switch state {
        case .closed: breaker = "closed"
        case .open(let end): (breaker, openUntil) = ("open", .milliseconds(end.wholeMilliseconds))
        case .probing: breaker = "probing"
        case .ramping(let percent): (breaker, self.percent) = ("ramping", Int32(percent))
        case .isolated: breaker = "isolated"
        }
    }
}

extension SteeredRollout {
    /// Where it is; nil when it is over.
    var rolloutState: Rollout.State? {
        switch state {
        case "running": .running(percent: Int(percent))
        case "paused": .paused(percent: Int(percent))
        default: nil
        }
    }
}

extension SteeringOrders.Rollout {
    /// As it was read.
    init(_ row: SteeredRollout) {
        self.init(id: row.id, state: row.state, percent: row.percent, reason: row.reason)
    }
}

extension DeclaredDeployment {
    /// As its owner declared it.
    init(_ deployment: SteeredDeployment, _ model: SteeredModel) {
        self.init(
            deployment.name, weight: Double(deployment.weight), tier: Int(deployment.tier),
            latencyObjective: model.latencyObjective)
    }
}

extension ModelPolicy {
    /// What operators said of a model, and the defaults for the rest.
    init(_ model: SteeredModel) {
        self.init()
        // A strategy that is newer than this program is divided by weight.
        strategy = ShareStrategy(rawValue: model.strategy) ?? .weighted
        if let window = model.window { breaker.window = window }
        if let sample = model.minimumSample {
            breaker.minimumSample = Int(sample)
            health.minimumSample = Int(sample)
        }
        if let percent = model.errorPercent {
            breaker.errorLimit = percent / 100
            health.errorLimit = max(0.001, percent / 100)
        }
        var ramp = model.steps.isEmpty ? RampPolicy() : RampPolicy(steps: model.steps.map(Int.init))
        if let failures = model.failuresInARow {
            breaker.maximumConsecutiveFailures = Int(failures)
            ramp.maximumConsecutiveFailures = Int(failures)
        }
        if let open = model.open { breaker.minimumOpen = open }
        if let open = model.openMaximum { breaker.maximumOpen = open }
        if let forgiveness = model.forgiveness { breaker.forgiveness = forgiveness }
        if let time = model.stepTime { ramp.minimumTime = time }
        if let sample = model.stepSample { ramp.minimumSample = Int(sample) }
        if let patience = model.stepPatience { ramp.patience = patience }
        breaker.ramp = ramp
        if let percent = model.panicPercent { panicFloor = percent / 100 }
    }
}

extension HedgePolicy {
    /// What operators said of a model's second attempts, and the defaults for the rest; nil: it has none.
    init?(_ model: SteeredModel) {
        guard let percent = model.hedgePercent, percent > 0 else { return nil }
        self.init()
        ratio = percent / 100
        if let wait = model.hedgeWait { minimumWait = wait }
        if let sample = model.hedgeSample { minimumSample = Int(sample) }
    }
}

extension RolloutPolicy {
    /// The steps of the model's ramps, and where to wait for an operator.
    init(_ policy: ModelPolicy, gates: [Int32]) {
        self.init()
        ramp = policy.breaker.ramp
        window = policy.breaker.window
        self.gates = Set(gates.map(Int.init))
    }
}

extension OutcomeSummary {
    /// A sample, put together again.
    init(_ sample: AttemptSample) {
        let run = sample.run.map(Int.init) + [0, 0, 0, 0]
        self.init(
            succeeded: Int(sample.succeeded), failed: sample.failed.mapValues(Int.init),
            latencies: LatencyHistogram(
                counts: zip(sample.latencyBins, sample.latencyCounts).map { (bin: Int($0), count: Int($1)) }),
            run: FailureRun(count: run[0], leading: run[1], trailing: run[2], longest: run[3]),
            retryAfter: sample.retryAfter)
    }
}
