import Fleet
import Testing

struct ExperimentReportTests {
    private func report(
        _ control: ArmTally, _ arm: ArmTally, shadow: ArmTally? = nil, plan: ExperimentPlan = ExperimentPlan()
    ) throws -> ExperimentReport {
        var arms = [Arm("a", buckets: 5_000), Arm("b", buckets: 5_000)]
        if shadow != nil { arms.append(Arm("s", buckets: 1_000, isShadow: true)) }
        let experiment = try Experiment(name: "e", salt: "s", arms: arms)
        return ExperimentReport(
            experiment, tallies: ["a": control, "b": arm].merging(shadow.map { ["s": $0] } ?? [:]) { $1 }, plan: plan)
    }

    private func tally(_ count: Int, success: Double, latency: Double = 2, exposures: Int? = nil) -> ArmTally {
        var tally = ArmTally(exposures: exposures ?? count)
        for index in 0..<count {
            tally.record(index < Int((Double(count) * success).rounded()) ? 1 : 0, for: .success)
            tally.record(latency + (index.isMultiple(of: 2) ? 0.5 : -0.5), for: .latency)
        }
        return tally
    }

    @Test func `what is clear is said in a sentence`() throws {
        let found = try report(tally(5_000, success: 0.93), tally(5_000, success: 0.971))
        #expect(found.sides.map(\.verdict) == [.better])
        #expect(
            found.sentence
                == "b: success 97.1% against 93% (+4.1 points, +2.7 points to +5.5 points), better: keep it.")
        let back = try report(tally(5_000, success: 0.971), tally(5_000, success: 0.93))
        #expect(back.sides.map(\.verdict) == [.worse] && back.sentence.hasSuffix("worse: keep the control."))
    }

    @Test func `what is not clear is not said`() throws {
        let few = try report(tally(40, success: 1), tally(40, success: 0))
        #expect(few.sides.map(\.verdict) == [.collecting])
        #expect(few.sentence == "b: success 0% against 100% (40 units, too few for an interval).")
        let near = try report(tally(500, success: 0.95), tally(500, success: 0.96))
        #expect(near.sides.map(\.verdict) == [.undecided])
        // Without a single failure an interval has a width all the same.
        let perfect = try report(tally(200, success: 1), tally(200, success: 1))
        #expect(perfect.sides.map(\.verdict) == [.undecided])
        #expect(try report(ArmTally(), ArmTally()).sentence == "b: nothing to compare yet.")
    }

    @Test func `no difference worth having is a verdict, when somebody said what is worth having`() throws {
        var plan = ExperimentPlan()
        plan.indifference = 0.03
        let same = try report(tally(9_000, success: 0.95), tally(9_000, success: 0.951), plan: plan)
        #expect(same.sides.map(\.verdict) == [.equivalent])
    }

    @Test func `a guardrail stops what the primary metric likes`() throws {
        var plan = ExperimentPlan()
        plan.guardrails = [.init(.latency, tolerance: 0.1)]
        let slow = try report(
            tally(5_000, success: 0.93, latency: 2), tally(5_000, success: 0.971, latency: 2.6), plan: plan)
        #expect(slow.sides.map(\.verdict) == [.harmful] && slow.sentence.contains("worse by more than 10%: stop it"))
        let within = try report(
            tally(5_000, success: 0.93, latency: 2), tally(5_000, success: 0.971, latency: 2.1), plan: plan)
        #expect(within.sides.map(\.verdict) == [.better])
    }

    @Test func `a mismatch silences everything but shadows`() throws {
        let found = try report(
            tally(5_000, success: 0.9), tally(5_000, success: 0.99, exposures: 5_400),
            shadow: tally(1_000, success: 0.99))
        #expect(found.sides.map(\.verdict) == [.mismatch, .better])
        #expect(found.sides[0].sentence.contains("sample sizes (a 5000, b 5400) do not fit the split"))
        #expect(!found.sides[1].sentence.contains("keep it"))
    }
}
