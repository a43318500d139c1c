import Domain
import Fleet
import Testing

struct HealthScoreTests {
    private let policy = HealthPolicy()

    private func score(_ reading: HealthReading) -> HealthScore { HealthScore(reading, policy: policy) }

    @Test func `nothing wrong is a one without reasons`() {
        let healthy = score(
            HealthReading(
                outcomes: .of(ok: 200), latencyObjective: .seconds(3), heartbeatAge: .seconds(2), memory: 0.5))
        #expect(healthy.value == 1 && healthy.reasons.isEmpty && !healthy.isThin && healthy.sentence == "score 1")
    }

    /// The grades of the design are reached by a quarter, a half and three quarters of the error limit.
    @Test(arguments: [(0, 1.0), (5, 0.9), (10, 0.8), (15, 0.7), (20, 0.6), (50, 0)])
    func `errors reach the isolating score at the limit`(failed: Int, expected: Double) {
        let found = score(HealthReading(outcomes: .of(ok: 200 - failed, failed: failed)))
        #expect((found.value - expected).magnitude < 1e-9)
        #expect(found.reasons.map(\.aspect) == (failed > 0 ? [.errors] : []))
    }

    @Test(arguments: [(0, 1.0), (50, 0.8), (100, 0.6)])
    func `overload lowers the score long before it isolates`(refused: Int, expected: Double) {
        let outcomes = OutcomeSummary.of(ok: 100).followed(by: .of(failed: refused, as: .rateLimited))
        let found = score(HealthReading(outcomes: outcomes))
        #expect((found.value - (refused == 50 ? 1 - 0.4 * (1.0 / 3) / 0.5 : expected)).magnitude < 1e-9)
    }

    @Test(arguments: [(2.0, 1.0), (6, 0.82), (30, 0.65), (300, 0.65)])
    func `the slow get less and are not isolated for it`(seconds: Double, atMost: Double) {
        let found = score(HealthReading(outcomes: .of(ok: 100, seconds: seconds), latencyObjective: .seconds(3)))
        #expect(found.value <= atMost && found.value >= 0.65)
    }

    @Test func `what a second attempt overtook tells how slow the first was`() {
        var outcomes = OutcomeSummary.of(ok: 1)
        for _ in 0..<100 { outcomes.recordOvertaken(after: .seconds(6)) }
        #expect(outcomes.judged == 1 && outcomes.overtaken == 100 && outcomes.errorRatio == 0)
        let found = score(HealthReading(outcomes: outcomes, latencyObjective: .seconds(3)))
        #expect(!found.isThin && found.value < 0.83 && found.reasons.map(\.aspect) == [.latency])
    }

    @Test func `an objective nobody set is not judged`() {
        #expect(score(HealthReading(outcomes: .of(ok: 100, seconds: 500))).value == 1)
    }

    @Test func `probes count while traffic is thin, and then only`() {
        for (failures, expected) in [(0, 1.0), (1, 0.9), (2, 0.7), (3, 0.3), (99, 0.3)] {
            let thin = score(HealthReading(outcomes: .of(ok: 5, failed: 3), probeFailures: failures))
            #expect(thin.isThin && thin.value == expected)
            let busy = score(HealthReading(outcomes: .of(ok: 100), probeFailures: failures))
            #expect(!busy.isThin && busy.value == 1)
        }
    }

    @Test(arguments: [(0.0, 1.0), (6, 1), (10.5, 0.5), (15, 0), (99, 0)])
    func `a heartbeat fades to nothing at its expiry`(age: Double, expected: Double) {
        let found = score(HealthReading(outcomes: OutcomeSummary(), heartbeatAge: .seconds(age)))
        #expect((found.value - expected).magnitude < 1e-9)
    }

    @Test(arguments: [(0.5, 1.0), (0.85, 1), (0.925, 0.85), (1, 0.7), (3, 0.7)])
    func `memory costs near its limit`(used: Double, expected: Double) {
        let found = score(HealthReading(outcomes: .of(ok: 50), memory: used))
        #expect((found.value - expected).magnitude < 1e-9)
    }

    @Test func `the sentence names everything, the worst first`() {
        let found = score(
            HealthReading(
                outcomes: .of(ok: 184, failed: 16, seconds: 4), latencyObjective: .seconds(3.9),
                heartbeatAge: .seconds(10.5), memory: 0.9))
        #expect(found.reasons.map(\.aspect) == [.heartbeat, .errors, .memory, .latency])
        #expect(
            found.sentence
                == "score 0.3: no heartbeat for 11 s, 8% errors (16 of 200), 90% of its memory, p95 4.3 s over 3.9 s")
        #expect(score(HealthReading(outcomes: OutcomeSummary())).sentence == "score 1: too little traffic to judge")
    }

    @Test func `scores stay between 0 and 1, and never rise with an ailment`() {
        for seed in 0..<5_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var reading = HealthReading(
                outcomes: .random(
                    Int.random(in: 0...60, using: &generator), failing: Double.random(in: 0...0.3, using: &generator),
                    as: ErrorClass.allCases.randomElement(using: &generator) ?? .retryable,
                    seconds: Double.random(in: 0...20, using: &generator), using: &generator),
                latencyObjective: Bool.random(using: &generator) ? .seconds(3) : nil,
                probeFailures: Int.random(in: 0...4, using: &generator),
                heartbeatAge: .seconds(Double.random(in: 0...20, using: &generator)),
                memory: Double.random(in: 0...1.2, using: &generator))
            let before = score(reading)
            #expect(0...1 ~= before.value)
            #expect(before.value == 1 || !before.reasons.isEmpty)
            #expect(before.reasons.allSatisfy { $0.factor < 1 && $0.factor >= 0 })
            reading.memory = (reading.memory ?? 0) + 0.1
            reading.heartbeatAge = (reading.heartbeatAge ?? .zero) + .seconds(3)
            #expect(score(reading).value <= before.value)
        }
    }

    @Test(arguments: [(1.0, 1.0), (0.9, 1), (0.89, 0.7), (0.8, 0.7), (0.79, 0.4), (0.7, 0.4), (0.65, 0.05), (0.59, 0)])
    func `a falling score gets the weight of its grade at once`(score: Double, weight: Double) {
        var grade = HealthGrade()
        let found = grade.update(score, policy: policy)
        #expect(found == weight)
    }

    @Test func `a score at a border does not flutter`() {
        var grade = HealthGrade()
        grade.update(0.89, policy: policy)
        for _ in 0..<10 {
            let weights = [grade.update(0.905, policy: policy), grade.update(0.895, policy: policy)]
            #expect(weights == [0.7, 0.7])
        }
        let risen = grade.update(0.93, policy: policy)
        #expect(risen == 1)
    }
}

extension OutcomeSummary {
    func followed(by later: OutcomeSummary) -> OutcomeSummary {
        var joined = self
        joined.append(later)
        return joined
    }
}
