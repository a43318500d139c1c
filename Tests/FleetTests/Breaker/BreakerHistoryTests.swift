import Domain
import Fleet
import Testing

/// Thousands of histories of a deployment where anything happens in any order.
struct BreakerHistoryTests {
    private struct History {
        var harness: BreakerHarness
        var dice: SeededGenerator
        var openedAt: [Duration] = []

        init(seed: UInt64) {
            harness = BreakerHarness(seed: seed)
            dice = SeededGenerator(seed: seed &* 77 &+ 5)
        }

        mutating func step() {
            harness.now += .milliseconds(Int.random(in: 0...20_000, using: &dice))
            let event: Breaker.Event
            var isOperator = false
            switch Int.random(in: 0..<24, using: &dice) {
            case 0: event = .judgedSick(reason: "sick")
            case 1 where Int.random(in: 0..<4, using: &dice) == 0:
                event = .isolationRequested(reason: "asked")
                isOperator = true
            case 2 where harness.kind == .isolated || Int.random(in: 0..<8, using: &dice) == 0:
                event = .restoreRequested(byRamp: Bool.random(using: &dice))
                isOperator = true
            case 3...6: event = .probed(succeeded: Int.random(in: 0..<8, using: &dice) > 0)
            case 7: event = .observed(outcomes(failing: 0.3), latencyLimit: .seconds(3))
            case 8...20: event = .observed(outcomes(failing: 0.005), latencyLimit: .seconds(3))
            default: event = .ticked
            }
            let before = harness.breaker
            let transitions = harness.handle(event)
            check(transitions, before, isOperator: isOperator)
        }

        mutating func outcomes(failing: Double) -> OutcomeSummary {
            .random(
                Int.random(in: 0...120, using: &dice), failing: failing,
                as: ErrorClass.allCases.randomElement(using: &dice) ?? .retryable, using: &dice)
        }

        mutating func check(_ transitions: [Breaker.Transition], _ before: Breaker, isOperator: Bool) {
            let policy = before.policy
            #expect(transitions.count <= 2 && transitions.allSatisfy { !$0.reason.isEmpty })
            #expect((transitions.first?.from ?? harness.breaker.state) == before.state)
            #expect((transitions.last?.to ?? before.state) == harness.breaker.state)
            for transition in transitions {
                switch (transition.from, transition.to) {
                case (_, .open(let end)):
                    #expect(end - harness.now >= policy.minimumOpen && end - harness.now <= policy.maximumOpen)
                    #expect(transition.from != .isolated)
                    openedAt.append(harness.now)
                case (.open(let end), .probing): #expect(end <= harness.now)
                case (.probing, .ramping(let percent)), (.open, .ramping(let percent)),
                    (.isolated, .ramping(let percent)):
                    #expect(percent == policy.ramp.steps[0] && (transition.from == .probing || isOperator))
                case (.ramping(let from), .ramping(let to)) where !isOperator:
                    let step = policy.ramp.steps.firstIndex(of: from) ?? -9
                    #expect(policy.ramp.steps[step + 1] == to)
                    #expect(harness.now - before.since >= policy.ramp.minimumTime)
                case (.ramping(let from), .closed): #expect(from == 100 || isOperator)
                case (.open, .closed), (.probing, .closed), (.isolated, .closed): #expect(isOperator)
                case (_, .isolated), (.ramping, .ramping): #expect(isOperator)
                default: Issue.record("from \(transition.from) to \(transition.to)")
                }
            }
        }
    }

    @Test(arguments: 0..<20)
    func `histories keep the invariants`(block: Int) {
        for seed in 0..<100 {
            var history = History(seed: UInt64(block * 100 + seed))
            for _ in 0..<120 { history.step() }
        }
    }

    /// Without it the histories would prove nothing.
    @Test func `histories reach every state and every step`() {
        var seen: Set<Breaker.State> = []
        for seed in 0..<300 {
            var history = History(seed: UInt64(seed))
            for _ in 0..<200 {
                history.step()
                if case .open = history.harness.breaker.state {
                    seen.insert(.open(until: .zero))
                } else {
                    seen.insert(history.harness.breaker.state)
                }
            }
        }
        #expect(seen.count == 4 + RampPolicy.defaultSteps.count)
    }

    @Test func `left with a healthy deployment it closes, whatever was before`() {
        for seed in 0..<100 {
            var history = History(seed: UInt64(seed))
            for _ in 0..<60 { history.step() }
            if history.harness.kind == .isolated { history.harness.handle(.restoreRequested(byRamp: true)) }
            for _ in 0..<1_000 where history.harness.kind != .closed {
                history.harness.now += .seconds(5)
                history.harness.observe(ok: 20)
            }
            #expect(history.harness.kind == .closed)
        }
    }
}
