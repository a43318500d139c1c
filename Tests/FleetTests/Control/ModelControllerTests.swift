import Domain
import Fleet
import Testing

/// The scenarios of the failure matrix, on paper: a tick is a second.
struct ModelControllerTests {
    private func model(
        _ strategy: ShareStrategy = .weighted, jobsPerSecond: Int = 100, seed: UInt64 = 1,
        edit: (inout ModelPolicy) -> Void = { _ in }
    ) -> SimulatedModel {
        var policy = ModelPolicy()
        policy.strategy = strategy
        edit(&policy)
        return SimulatedModel(
            [
                DeclaredDeployment("a", weight: 60, tier: 0, latencyObjective: .seconds(3)),
                DeclaredDeployment("b", weight: 30, tier: 1, latencyObjective: .seconds(3)),
                DeclaredDeployment("c", weight: 10, tier: 2, latencyObjective: .seconds(3)),
            ], policy: policy, jobsPerSecond: jobsPerSecond, seed: seed)
    }

    @Test func `healthy deployments keep their weights and nothing is decided`() {
        var model = model()
        model.run(300)
        #expect(model.shares.mapValues(\.count) == ["a": 6_000, "b": 3_000, "c": 1_000])
        #expect(model.decisions.map(\.reason) == ["shares: a 0% → 60%, b 0% → 30%, c 0% → 10%"])
        #expect(model.plan.probes.isEmpty && model.plan.oneJob.isEmpty)
    }

    @Test func `who answers 500 is out within a tick`() {
        var model = model()
        model.run(60)
        model.behaviours["b"]?.failing = 1
        model.run(1)
        #expect(model.part("b") == 0 && model.part("a") + model.part("c") == 1)
        let opened = model.reasons(.opened)
        #expect(opened.count == 1 && opened[0].hasPrefix("b: closed → open for 3") && opened[0].contains("in a row"))
        #expect(model.reasons(.shares).last == "shares: a 60% → 85.7%, b 30% → 0%, c 10% → 14.3%")
        #expect(model.reasons(.panic).isEmpty)
    }

    @Test func `who was scaled to nothing leaves its part to the others, who sleeps keeps it`() {
        var model = model()
        model.run(60)
        model.behaviours["a"]?.capacity = 0
        model.run(5)
        #expect(model.part("a") == 0.6, "it wakes with the jobs it gets")
        model.behaviours["a"]?.isManned = false
        model.run(1)
        #expect(model.shares.mapValues(\.count) == ["a": 0, "b": 7_500, "c": 2_500])
        model.behaviours["a"]?.isManned = true
        model.run(1)
        #expect(model.shares.mapValues(\.count) == ["a": 6_000, "b": 3_000, "c": 1_000])
    }

    @Test func `who recovers comes back by one job and every step, and then has what it had`() {
        var model = model()
        model.run(60)
        model.behaviours["b"]?.failing = 1
        model.run(5)
        model.behaviours["b"]?.failing = 0
        var parts: [Double] = []
        for _ in 0..<1_500 {
            model.tick()
            if parts.last != model.part("b") { parts.append(model.part("b")) }
        }
        #expect(parts == [0, 0.003, 0.015, 0.03, 0.075, 0.15, 0.3])
        let ramped = model.reasons(.ramped)
        #expect(ramped.count == 6 && ramped[0] == "b: probing → 1%, the job let through succeeded")
        #expect(ramped[4].hasPrefix("b: 25% → 50%, ") && ramped[4].hasSuffix(", p95 1.1 s under 3 s"))
        #expect(model.reasons(.closed).count == 1)
        #expect(model.shares.mapValues(\.count) == ["a": 6_000, "b": 3_000, "c": 1_000])
    }

    @Test func `a relapse at a quarter opens again, for twice the time`() {
        var model = model()
        model.run(60)
        model.behaviours["b"]?.failing = 1
        model.run(5)
        model.behaviours["b"]?.failing = 0
        for _ in 0..<1_500 where model.part("b") != 0.075 { model.tick() }
        model.behaviours["b"]?.failing = 1
        for _ in 0..<10 where model.part("b") > 0 { model.tick() }
        let opened = model.reasons(.opened)
        #expect(opened.count == 2 && opened[1].contains("relapse at 25%: ") && model.part("b") == 0)
        let seconds = opened[1].split(separator: " ").compactMap { Int($0) }.first ?? 0
        #expect((60...72).contains(seconds))
    }

    @Test func `who slows tenfold gets less within the window and is not isolated`() {
        var model = model()
        model.run(120)
        model.behaviours["a"]?.seconds = 10
        model.run(60)
        #expect(model.part("a") > 0 && model.part("a") < 0.2)
        #expect(model.reasons(.opened).isEmpty)
        model.behaviours["a"]?.seconds = 1
        model.run(120)
        #expect(model.part("a") == 0.6)
    }

    @Test func `a peer's latency stands in for an objective nobody set`() {
        var policy = ModelPolicy()
        policy.strategy = .weighted
        var model = SimulatedModel(["a", "b"].map { DeclaredDeployment($0) }, policy: policy)
        model.run(60)
        model.behaviours["a"]?.seconds = 10
        model.run(65)
        #expect(model.part("a") < 0.35)
    }

    @Test func `overload lowers the weight before it trips`() {
        var model = model()
        model.run(60)
        model.behaviours["a"]?.errorClass = .rateLimited
        model.behaviours["a"]?.failing = 0.35
        model.run(60)
        #expect(model.part("a") > 0 && model.part("a") < 0.6 && model.reasons(.opened).isEmpty)
        model.behaviours["a"]?.failing = 0.8
        model.run(60)
        #expect(model.reasons(.opened).contains { $0.contains("refused for want of room") })
    }

    @Test func `refused credentials isolate at once, callers' faults never`() {
        var model = model()
        model.behaviours["c"]?.errorClass = .invalidRequest
        model.behaviours["c"]?.failing = 1
        model.run(120)
        #expect(model.part("c") == 0.1)
        model.behaviours["c"]?.errorClass = .auth
        model.behaviours["c"]?.failing = 0.02
        for _ in 0..<60 where model.part("c") > 0 { model.tick() }
        #expect(model.part("c") == 0 && model.reasons(.opened).last?.contains("credentials were refused") == true)
    }

    @Test func `a silent deployment is out`() {
        var model = model()
        model.run(60)
        model.behaviours["b"]?.heartbeatAge = 14
        model.run(1)
        #expect(model.part("b") == 0)
        #expect(model.reasons(.opened).last?.contains("no heartbeat for 14 s") == true)
    }

    @Test func `with everything sick work goes on, and somebody is told once`() {
        var model = model()
        model.run(60)
        for name in ["a", "b", "c"] { model.behaviours[name]?.failing = 1 }
        model.run(200)
        #expect(model.shares.values.reduce(0) { $0 + $1.count } == 10_000)
        #expect(model.reasons(.panic).count >= 1 && model.reasons(.panic).count < 20)
        #expect(model.decisions.contains { $0.kind == .panic && $0.isAlert })
        for name in ["a", "b", "c"] { model.behaviours[name]?.failing = 0 }
        model.run(3_000)
        #expect(model.reasons(.calm).count >= 1)
        #expect(model.shares.mapValues(\.count) == ["a": 6_000, "b": 3_000, "c": 1_000])
    }

    @Test func `an operator's word is obeyed below any floor`() {
        var model = model()
        for name in ["a", "b", "c"] { model.handle(.isolationRequested(deployment: name, reason: "maintenance")) }
        #expect(model.shares.values.allSatisfy { $0.isEmpty })
        #expect(model.reasons(.isolated).first == "a: closed → isolated, maintenance")
        model.handle(.restoreRequested(deployment: "b", byRamp: true))
        #expect(model.part("b") == 1)
        model.handle(.restoreRequested(deployment: "a", byRamp: false))
        #expect(model.part("a") > 0.99 && model.part("b") > 0 && model.part("b") < 0.01)
    }

    @Test func `who is restored at once serves at once, whatever it was graded before`() {
        var model = SimulatedModel([DeclaredDeployment("a")], policy: ModelPolicy())
        model.behaviours["a"]?.heartbeatAge = 14
        model.run(5)
        model.handle(.isolationRequested(deployment: "a", reason: "look"))
        #expect(model.part("a") == 0)
        model.handle(.restoreRequested(deployment: "a", byRamp: false))
        #expect(model.part("a") == 1)
    }

    @Test func `a leak is announced before it hurts, once`() {
        var model = model()
        for second in 0..<400 {
            model.behaviours["a"]?.memory = 0.3 + 0.001 * Double(second)
            model.tick()
        }
        #expect(model.reasons(.warning).count == 1)
        #expect(model.reasons(.warning).first?.hasPrefix("a: memory ") == true)
    }

    @Test func `a bad version is rolled back at its first step`() {
        var totals = (touched: 0, all: 0, survived: 0)
        for seed in 0..<20 {
            var model = model(jobsPerSecond: 100, seed: UInt64(seed))
            model.run(30)
            model.handle(.rolloutRequested(candidate: "c", baseline: "a", RolloutPolicy()))
            model.behaviours["c"]?.failing = 0.2
            model.served = [:]
            for _ in 0..<600 where model.controller.rolloutState == .running(percent: 1) { model.tick() }
            if model.controller.rolloutState != .rolledBack { totals.survived += 1 }
            totals.touched += model.served["c"] ?? 0
            totals.all += model.served.values.reduce(0, +)
            #expect(model.part("c") == 0 || model.controller.rolloutState != .rolledBack)
        }
        #expect(totals.survived <= 1)
        #expect(Double(totals.touched) / Double(totals.all) < 0.05)
    }

    @Test func `a good version takes over step by step`() {
        var model = model()
        model.run(30)
        model.handle(.rolloutRequested(candidate: "c", baseline: "a", RolloutPolicy()))
        model.run(900)
        #expect(model.controller.rolloutState == .promoted)
        #expect(model.part("a") == 0)
        let steps = model.reasons(.rollout)
        #expect(steps.first == "c: 0% → 1%, takes over from a" && steps.count == 6)
        #expect(steps.dropFirst().allSatisfy { $0.contains(" ok of ") })
        #expect(model.reasons(.promoted).first?.hasPrefix("c: 100% → promoted, ") == true)
        // One call brings the old one back.
        model.handle(.rolloutSteered(.rollbackRequested(reason: "users complain")))
        #expect(model.part("c") == 0 && model.part("a") > 0.6)
    }

    @Test func `a controller that takes over goes on where the last one was`() throws {
        var model = model()
        model.run(60)
        model.behaviours["b"]?.failing = 1
        model.run(5)
        model.behaviours["b"]?.failing = 0
        for _ in 0..<1_500 where model.part("b") != 0.075 { model.tick() }
        let state = try #require(model.controller.state(of: "b"))
        #expect(state.state == .ramping(percent: 25) && state.openings == 1)

        var next = ModelController(shares: model.shares)
        var policy = ModelPolicy()
        policy.strategy = .weighted
        let declared = [("a", 60.0), ("b", 30), ("c", 10)].map { DeclaredDeployment($0.0, weight: $0.1) }
        var generator = SeededGenerator(seed: 9)
        // The words of the last one come before the first plan.
        next.restore(policy, declared, breakers: ["b": state], at: model.now)
        let plan = next.handle(.sampled([]), at: model.now, using: &generator)
        #expect(plan.shares == nil && plan.decisions.isEmpty)
        #expect(next.judgedSince("b") == model.now && next.judgedSince("a") == nil)
    }

    @Test func `a lone deployment whose workers died serves again as soon as one is back`() {
        var model = SimulatedModel([DeclaredDeployment("a")], policy: ModelPolicy())
        model.run(30)
        model.behaviours["a"]?.heartbeatAge = 60
        model.behaviours["a"]?.capacity = 0
        model.run(20)
        #expect(model.part("a") == 1 && model.reasons(.opened).count == 1 && model.reasons(.panic).count == 1)
        model.behaviours["a"]?.heartbeatAge = 1
        model.behaviours["a"]?.capacity = 8
        model.run(1)
        #expect(model.part("a") == 1)
    }

    @Test func `thin traffic asks for probes, and probes bring a ramp to its end`() {
        var model = model(jobsPerSecond: 0)
        model.run(3)
        #expect(model.plan.probes == ["a", "b", "c"])
        model.behaviours["b"]?.failing = 1
        model.run(5)
        #expect(model.part("b") == 0 && model.reasons(.opened).last?.contains("probes failed in a row") == true)
        model.behaviours["b"]?.failing = 0
        model.run(1_000)
        #expect(model.part("b") == 0.3)
    }
}
