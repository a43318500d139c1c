/// Steers the deployments of one model: what was seen of them goes in, shares and decisions come out. Pure; the
/// supervisor that holds the controller lease owns one per model.
///
/// It joins the machines: each deployment has a breaker and a health score, a rollout may be under way, the panic floor
/// has the last word on who leaves service, and shares follow from all of it. Guarantees at all times:
/// - with any deployment in service, every bucket can be claimed by somebody, and unless the strategy is `leastBusy` by
///   exactly one, so shares sum to 10,000;
/// - nothing is isolated below the panic floor but by an operator's word;
/// - a deployment that has no workers and is to have none gets nothing while another can serve;
/// - a deployment whose breaker opens has no share in the same answer, unless the floor keeps it.
package struct ModelController: Sendable {
    /// What happened.
    package enum Event: Sendable, Hashable {
        /// The model was declared anew. What is gone is forgotten; what stays keeps its state.
        case declared(ModelPolicy, [DeclaredDeployment])
        /// A tick: what was seen since the last one. A deployment that is missing was not seen to do anything.
        case sampled([DeploymentSample])
        /// An operator takes a deployment out.
        case isolationRequested(deployment: String, reason: String)
        /// An operator brings one back.
        case restoreRequested(deployment: String, byRamp: Bool)
        /// `candidate` is to take over the place of `baseline`: its weight and tier, whatever its own. One at a time:
        /// another that is under way is rolled back. Who lost stays out of service until an operator restores it.
        case rolloutRequested(candidate: String, baseline: String, RolloutPolicy)
        /// An operator steers the rollout.
        case rolloutSteered(Rollout.Event)
    }

    /// What is to be done.
    package struct Plan: Sendable, Hashable {
        /// The buckets of every deployment; nil when they stay as they are.
        package var shares: [String: BucketSet]?
        /// Deployments that are to be given one job, whatever their share.
        package var oneJob: Set<String> = []
        /// Deployments that are to be probed actively: too little traffic to judge them by.
        package var probes: Set<String> = []
        /// What was decided, in order.
        package var decisions: [Decision] = []

        /// Nothing is to be done.
        package init() {}
    }

    struct Member {
        var declared: DeclaredDeployment
        var breaker: Breaker
        var grade = HealthGrade()
        var score = HealthScore(HealthReading(outcomes: OutcomeSummary()), policy: HealthPolicy())
        var forecast = TroubleForecast()
        var announced: Set<HealthScore.Aspect> = []
        var latency = LatencyAverage()
        var probeFailures = 0
        var capacity = 1.0
        var isManned = true
    }

    var policy = ModelPolicy()
    var members: [String: Member] = [:]
    var rollout: (machine: Rollout, candidate: String, baseline: String)?
    /// Who lost earlier rollouts.
    var retired: Set<String> = []
    var kept: Set<String> = []
    /// The partition shares are made from; not used while they overlap.
    var map: BucketMap
    /// What SQL holds.
    var shares: [String: BucketSet]

    /// A controller of a model whose deployments have these shares now.
    package init(shares: [String: BucketSet] = [:]) {
        self.shares = shares
        map = BucketMap(owned: shares)
    }

    /// Goes on where the last controller left the breakers. To be called once, before any event.
    package mutating func restore(
        _ policy: ModelPolicy, _ deployments: [DeclaredDeployment],
        breakers: [String: (state: Breaker.State, openings: Int)], at now: Duration
    ) {
        declared(policy, deployments, at: now)
        for (name, breaker) in breakers {
            members[name]?.breaker = Breaker(
                policy.breaker, state: breaker.state, openings: breaker.openings, at: now)
        }
    }

    /// Goes on where the last controller left the rollout.
    package mutating func restore(
        _ state: Rollout.State, candidate: String, baseline: String, policy: RolloutPolicy, at now: Duration
    ) {
        rollout = (Rollout(policy, state: state, at: now), candidate, baseline)
    }

    /// SQL holds these shares now: an operator's verb divided the traffic, or what was planned was not written. The next
    /// plan starts from them. Deployments without a share are to be named, too.
    package mutating func found(_ shares: [String: BucketSet]) {
        guard shares != self.shares else { return }
        self.shares = shares
        map = BucketMap(owned: shares)
    }

    /// The deployments that are kept in service against their breakers.
    package var keptDeployments: Set<String> { kept }

    /// The state of a deployment's breaker, and how often it has opened, to be written down.
    package func state(of deployment: String) -> (state: Breaker.State, openings: Int)? {
        members[deployment].map { ($0.breaker.state, $0.breaker.openings) }
    }

    /// The state of the rollout, to be written down.
    package var rolloutState: Rollout.State? { rollout?.machine.state }

    /// The new version of that rollout.
    package var rolloutCandidate: String? { rollout?.candidate }

    /// The health of a deployment.
    package func health(of deployment: String) -> HealthScore? { members[deployment]?.score }

    /// Attempts of the deployment that began sooner are not to be counted in its next sample: nil counts all.
    package func judgedSince(_ deployment: String) -> Duration? {
        guard let breaker = members[deployment]?.breaker else { return nil }
        if breaker.state != .closed { return breaker.since }
        guard let rollout, rollout.candidate == deployment, rollout.machine.isUnderWay else { return nil }
        return rollout.machine.stepSince
    }

    /// Takes in what happened at `now`, which never goes back, and says what to do.
    package mutating func handle(
        _ event: Event, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> Plan {
        var decisions: [Decision] = []
        var isTick = false
        switch event {
        case .declared(let policy, let deployments): declared(policy, deployments, at: now)
        case .sampled(let samples):
            isTick = true
            let samples = Dictionary(samples.map { ($0.deployment, $0) }) { $1 }
            for name in members.keys.sorted() {
                let unseen = DeploymentSample(
                    name, capacity: members[name]?.capacity ?? 1, isManned: members[name]?.isManned ?? true)
                observe(samples[name] ?? unseen, at: now)
            }
            judge(samples, at: now, &decisions, &generator)
        case .isolationRequested(let name, let reason):
            act(.isolationRequested(reason: reason), on: name, at: now, &decisions, &generator)
        case .restoreRequested(let name, let byRamp):
            retire(nil, unless: name)
            act(.restoreRequested(byRamp: byRamp), on: name, at: now, &decisions, &generator)
        case .rolloutRequested(let candidate, let baseline, let policy):
            begin(candidate, over: baseline, policy, at: now, &decisions)
        case .rolloutSteered(let event): steer(event, at: now, &decisions)
        }
        return plan(at: now, decisions, isTick: isTick)
    }
}
