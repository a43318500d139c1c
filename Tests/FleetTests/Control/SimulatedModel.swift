import Domain
import Fleet

/// A model whose deployments behave as told, steered by a controller with a tick of a second. Jobs go where the shares
/// say.
struct SimulatedModel {
    /// How a deployment behaves now.
    struct Behaviour {
        var failing = 0.0
        var errorClass = ErrorClass.retryable
        var seconds = 1.0
        var heartbeatAge = 1.0
        var memory = 0.5
        var capacity = 8.0
        var isManned = true
    }

    var controller: ModelController
    var behaviours: [String: Behaviour] = [:]
    var shares: [String: BucketSet] = [:]
    var plan = ModelController.Plan()
    /// Every decision, as it was made.
    var decisions: [Decision] = []
    var served: [String: Int] = [:]
    var failed = 0
    var jobsPerSecond: Int
    var now = Duration.zero
    var generator: SeededGenerator
    var dice: SeededGenerator

    init(
        _ deployments: [DeclaredDeployment], policy: ModelPolicy, jobsPerSecond: Int = 100, seed: UInt64 = 1
    ) {
        controller = ModelController()
        generator = SeededGenerator(seed: seed)
        dice = SeededGenerator(seed: seed &* 31 &+ 3)
        self.jobsPerSecond = jobsPerSecond
        for deployment in deployments { behaviours[deployment.name] = Behaviour() }
        handle(.declared(policy, deployments))
    }

    @discardableResult
    mutating func handle(_ event: ModelController.Event) -> ModelController.Plan {
        plan = controller.handle(event, at: now, using: &generator)
        if let next = plan.shares { shares = next }
        decisions += plan.decisions
        return plan
    }

    /// The part of the traffic, 0 to 1.
    func part(_ name: String) -> Double { Double(shares[name]?.count ?? 0) / 10_000 }

    /// The reasons of decisions of this kind.
    func reasons(_ kind: Decision.Kind) -> [String] { decisions.filter { $0.kind == kind }.map(\.reason) }

    /// A second passes: jobs arrive, are served, and the controller hears of it.
    @discardableResult
    mutating func tick() -> ModelController.Plan {
        now += .seconds(1)
        var outcomes: [String: OutcomeSummary] = [:]
        for _ in 0..<jobsPerSecond {
            let bucket = Int.random(in: 0..<10_000, using: &dice)
            let owners = shares.filter { $0.value.contains(bucket) }.keys.sorted()
            if let name = owners.randomElement(using: &dice) { serve(name, &outcomes) }
        }
        for name in plan.oneJob.sorted() { serve(name, &outcomes) }
        let samples = behaviours.sorted { $0.key < $1.key }.map { name, behaviour in
            DeploymentSample(
                name, outcomes: outcomes[name] ?? OutcomeSummary(), capacity: behaviour.capacity,
                isManned: behaviour.isManned, heartbeatAge: .seconds(behaviour.heartbeatAge), memory: behaviour.memory,
                probeSucceeded: plan.probes.contains(name)
                    ? behaviour.errorClass.isCallersFault
                        || Double.random(in: 0..<1, using: &dice) >= behaviour.failing : nil)
        }
        return handle(.sampled(samples))
    }

    mutating func run(_ seconds: Int) { for _ in 0..<seconds { tick() } }

    private mutating func serve(_ name: String, _ outcomes: inout [String: OutcomeSummary]) {
        guard let behaviour = behaviours[name] else { return }
        let isFailure = Double.random(in: 0..<1, using: &dice) < behaviour.failing
        served[name, default: 0] += 1
        if isFailure { failed += 1 }
        outcomes[name, default: OutcomeSummary()].record(
            isFailure ? behaviour.errorClass : nil, latency: .seconds(behaviour.seconds))
    }
}
