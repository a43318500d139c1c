import Domain
import Fleet
import Testing

/// Hundreds of models in which anything happens, with what must hold after every answer.
struct ModelControllerHistoryTests {
    private struct History {
        var model: SimulatedModel
        var dice: SeededGenerator
        let policy: ModelPolicy
        var excluded: Set<String> = []
        var states: [String: Breaker.State] = [:]

        init(seed: UInt64) {
            var dice = SeededGenerator(seed: seed &* 101 &+ 17)
            var policy = ModelPolicy()
            policy.strategy = ShareStrategy.allCases.randomElement(using: &dice) ?? .weighted
            policy.panicFloor = [0, 0.5, 0.5, 1].randomElement(using: &dice) ?? 0.5
            let names = ["a", "b", "c", "d"].prefix(Int.random(in: 1...4, using: &dice))
            model = SimulatedModel(
                names.map { name in
                    DeclaredDeployment(
                        name, weight: Double.random(in: 1...50, using: &dice),
                        tier: Int.random(in: 0...1, using: &dice),
                        latencyObjective: Bool.random(using: &dice) ? .seconds(3) : nil)
                }, policy: policy, jobsPerSecond: Int.random(in: 0...60, using: &dice), seed: seed)
            self.policy = policy
            self.dice = dice
        }

        mutating func step() {
            let names = model.behaviours.keys.sorted()
            let name = names.randomElement(using: &dice) ?? "a"
            let other = names.randomElement(using: &dice) ?? "a"
            let start = model.decisions.count
            let shares = model.shares
            var isOperator = true
            switch Int.random(in: 0..<60, using: &dice) {
            case 0:
                model.handle(.isolationRequested(deployment: name, reason: "asked"))
                excluded.insert(name)
            case 1, 2:
                model.handle(.restoreRequested(deployment: name, byRamp: Bool.random(using: &dice)))
                excluded.remove(name)
            case 3: model.handle(.rolloutRequested(candidate: name, baseline: other, RolloutPolicy()))
            case 4:
                let events: [Rollout.Event] = [
                    .pauseRequested(reason: "x"), .resumeRequested, .promoteRequested(reason: "x"),
                    .rollbackRequested(reason: "x"),
                ]
                model.handle(.rolloutSteered(events.randomElement(using: &dice) ?? .resumeRequested))
            default:
                isOperator = false
                if Int.random(in: 0..<10, using: &dice) == 0 {
                    model.behaviours[name] = SimulatedModel.Behaviour(
                        failing: [0, 0, 0, 0.05, 1].randomElement(using: &dice) ?? 0,
                        errorClass: ErrorClass.allCases.randomElement(using: &dice) ?? .retryable,
                        seconds: [0.5, 1, 12].randomElement(using: &dice) ?? 1,
                        heartbeatAge: [1, 1, 1, 13].randomElement(using: &dice) ?? 1,
                        memory: Double.random(in: 0.2...1, using: &dice))
                }
                model.tick()
            }
            check(model.decisions[start...], before: shares, isOperator: isOperator)
        }

        mutating func check(_ decisions: ArraySlice<Decision>, before: [String: BucketSet], isOperator: Bool) {
            #expect(decisions.allSatisfy { !$0.reason.isEmpty && !$0.reason.contains("?") })
            checkShares(before, decisions)
            for name in model.behaviours.keys {
                guard let state = model.controller.state(of: name)?.state else { continue }
                if case .ramping(let from) = states[name], case .ramping(let to) = state, from != to, !isOperator {
                    let steps = RampPolicy.defaultSteps
                    #expect(steps.firstIndex(of: to) == (steps.firstIndex(of: from) ?? -9) + 1)
                }
                if case .open(let end) = state, states[name] != state { #expect(end - model.now >= .seconds(30)) }
                if let score = model.controller.health(of: name) { #expect(0...1 ~= score.value) }
                states[name] = state
            }
        }

        func checkShares(_ before: [String: BucketSet], _ decisions: ArraySlice<Decision>) {
            let sets = model.shares
            var union = BucketSet()
            for set in sets.values { for range in set.ranges { union.insert(range) } }
            #expect(union == .all || union.isEmpty)
            if policy.strategy != .leastBusy {
                let total = sets.values.reduce(0) { $0 + $1.count }
                #expect(total == union.count)
                // No key moves but for the share that changes.
                let losses = before.reduce(0) { $0 + max(0, $1.value.count - (sets[$1.key]?.count ?? 0)) }
                let kept = before.reduce(0) { sum, owned in
                    sum
                        + owned.value.ranges.reduce(0) { sum, range in
                            sum + (sets[owned.key]?.ranges ?? []).reduce(0) { $0 + $1.clamped(to: range).count }
                        }
                }
                #expect(before.values.reduce(0) { $0 + $1.count } - kept == losses)
            }
            #expect((sets != before) == decisions.contains { $0.kind == .shares })
            // With a floor of its own, a model is never without service but by an operator's word.
            let isRollout = model.controller.rolloutState != nil
            if policy.panicFloor > 0, excluded.isEmpty, !isRollout { #expect(!union.isEmpty) }
            for name in excluded { #expect(sets[name]?.isEmpty ?? true) }
        }
    }

    @Test(arguments: 0..<16)
    func `histories keep the invariants`(block: Int) {
        for seed in 0..<12 {
            var history = History(seed: UInt64(block * 12 + seed))
            for _ in 0..<100 { history.step() }
        }
    }
}
