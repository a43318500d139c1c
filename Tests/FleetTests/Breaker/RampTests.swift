import Domain
import Fleet
import Testing

struct RampTests {
    private func judge(
        _ summary: OutcomeSummary, after seconds: Int = 10, limit: Duration? = .seconds(3), baseline: Double = 0,
        policy: RampPolicy = RampPolicy()
    ) -> Ramp.Judgement {
        var ramp = Ramp(policy, at: .zero)
        ramp.record(summary, latencyLimit: limit)
        return ramp.judge(at: .seconds(seconds), baseline: baseline)
    }

    @Test func `a step needs both time and outcomes`() {
        #expect(judge(.of(ok: 50), after: 9) == .undecided)
        #expect(judge(.of(ok: 10), after: 1_000) == .undecided)
        #expect(
            judge(.of(ok: 50), after: 10) == .advanced(from: 1, to: 5, reason: "50 ok of 50, p95 1.1 s under 3 s"))
    }

    @Test(arguments: [
        (200, 2, 0.0, true), (200, 60, 0, false), (180, 20, 0, false), (180, 20, 0.1, true), (160, 40, 0.1, false),
    ])
    func `errors are judged against what is acceptable, or the baseline`(
        ok: Int, failed: Int, baseline: Double, passes: Bool
    ) {
        var summary = OutcomeSummary()
        for index in 0..<failed {
            summary.append(.of(ok: ok / failed + (index < ok % failed ? 1 : 0), failed: 1))
        }
        let judgement = judge(summary, baseline: baseline)
        if passes { #expect(judgement == .advanced(from: 1, to: 5, reason: text(judgement))) }
        if !passes { #expect(judgement == .bad(at: 1, reason: text(judgement))) }
    }

    private func text(_ judgement: Ramp.Judgement) -> String {
        switch judgement {
        case .advanced(_, _, let text), .finished(let text), .bad(_, let text): text
        case .undecided: ""
        }
    }

    @Test func `the slow do not pass, unless nobody minds`() {
        let slow = OutcomeSummary.of(ok: 80, seconds: 1).followed(by: .of(ok: 20, seconds: 9))
        #expect(judge(slow) == .bad(at: 1, reason: "100 ok of 100, p95 9.5 s over 3 s"))
        #expect(text(judge(slow, limit: nil)) == "100 ok of 100")
        // One slow answer among many is what a 95th percentile allows.
        #expect(text(judge(.of(ok: 99).followed(by: .of(ok: 1, seconds: 9)))).hasPrefix("100 ok of 100, p95 1.1 s"))
    }

    @Test func `what hurts at once is not waited for`() {
        #expect(judge(.of(ok: 1, failed: 4), after: 0) == .bad(at: 1, reason: "4 failures in a row"))
        #expect(
            judge(.of(ok: 1, failed: 1, as: .auth), after: 0) == .bad(at: 1, reason: "its credentials were refused"))
        #expect(
            judge(.of(ok: 8, failed: 12, as: .overloaded), after: 0)
                == .bad(at: 1, reason: "60% refused for want of room"))
    }

    @Test func `without traffic it is judged by probes, and by nothing else`() {
        var ramp = Ramp(RampPolicy(), at: .zero)
        ramp.record(.of(ok: 3), latencyLimit: .seconds(3))
        for second in 0..<60 { ramp.probed(succeeded: true, at: .seconds(second)) }
        let early = ramp.judge(at: .seconds(59))
        #expect(early == .undecided && !ramp.wantsProbes(at: .seconds(59)))
        var count = 0
        while ramp.wantsProbes(at: .seconds(60 + count)), count < 100 {
            ramp.probed(succeeded: true, at: .seconds(60 + count))
            count += 1
        }
        let judgement = ramp.judge(at: .seconds(200))
        #expect(text(judgement) == "35 ok of 35 (32 probes), p95 1.1 s under 3 s")

        var sick = Ramp(RampPolicy(), at: .zero)
        for second in 60..<70 { sick.probed(succeeded: false, at: .seconds(second)) }
        let verdict = sick.judge(at: .seconds(70))
        #expect(verdict == .bad(at: 1, reason: "0 ok of 10 (10 probes)"))
    }

    @Test func `what is neither clearly good nor bad is decided in the end`() {
        var ramp = Ramp(RampPolicy(), at: .zero)
        for _ in 0..<20 { ramp.record(.of(ok: 19, failed: 1), latencyLimit: nil) }
        let judgement = ramp.judge(at: .seconds(60))
        #expect(judgement == .advanced(from: 1, to: 5, reason: "380 ok of 400"))
    }

    @Test func `steps that make no sense are put right`() {
        #expect(RampPolicy(steps: [50, 0, -3, 5, 50, 300]).steps == [5, 50, 100])
        #expect(RampPolicy(steps: []).steps == [100])
        #expect(RampPolicy().steps == [1, 5, 10, 25, 50, 100])
    }

    /// The failure rate of the design's own example: caught at the first step, and the healthy pass.
    @Test func `a version that fails a fifth does not pass its first step, one that fails a fiftieth does`() {
        var (passedBad, passedGood) = (0, 0)
        for seed in 0..<1_000 {
            for rate in [0.2, 0.01] {
                var generator = SeededGenerator(seed: UInt64(seed))
                var ramp = Ramp(RampPolicy(), at: .zero)
                var judgement = Ramp.Judgement.undecided
                var second = 0
                while judgement == .undecided {
                    second += 1
                    ramp.record(.random(5, failing: rate, using: &generator), latencyLimit: nil)
                    judgement = ramp.judge(at: .seconds(second))
                }
                if case .advanced = judgement {
                    if rate == 0.2 { passedBad += 1 } else { passedGood += 1 }
                }
            }
        }
        #expect(passedBad <= 5)
        #expect(passedGood > 950)
    }
}
