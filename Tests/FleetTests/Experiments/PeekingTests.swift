import Fleet
import Glibc
import Testing

/// The promise of the intervals, tried: looked at every day for forty days, the truth is ever outside in fewer than
/// alpha of the experiments. A fixed-sample interval misses it in several times as many.
struct PeekingTests {
    private static let days = 40
    private static let runs = 200

    /// A standard normal number (Box and Muller, 1958).
    private static func normal(_ generator: inout SeededGenerator) -> Double {
        let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator))).squareRoot()
        return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
    }

    /// How many of the runs ever missed the true difference, with our intervals and with fixed-sample ones.
    private func misses(
        _ metric: Metric, effect: Double, perDay: Int, draw: (Double, inout SeededGenerator) -> Double
    ) -> (always: Int, fixed: Int) {
        let plan = ExperimentPlan()
        var counts = (always: 0, fixed: 0)
        for seed in 0..<Self.runs {
            var generator = SeededGenerator(seed: UInt64(seed) &* 7_919 &+ 13)
            var (control, arm) = (Moments(), Moments())
            var (isOut, isOutFixed) = (false, false)
            for _ in 0..<Self.days {
                for _ in 0..<perDay {
                    control.record(draw(0, &generator))
                    arm.record(draw(effect, &generator))
                }
                guard let found = Comparison(metric, arm: arm, control: control, alpha: plan.alpha, plan: plan),
                    found.sample >= plan.minimumSample
                else { continue }
                if !found.interval.contains(effect) { isOut = true }
                let error = (control.variance / Double(control.count) + arm.variance / Double(arm.count)).squareRoot()
                if (found.difference - effect).magnitude > 1.96 * error { isOutFixed = true }
            }
            if isOut { counts.always += 1 }
            if isOutFixed { counts.fixed += 1 }
        }
        return counts
    }

    @Test(arguments: [(0.95, 0.0), (0.9, 0.05), (0.5, 0)])
    func `success rates`(base: Double, effect: Double) {
        let found = misses(.success, effect: effect, perDay: 50) { shift, generator in
            Double.random(in: 0..<1, using: &generator) < base + shift ? 1 : 0
        }
        #expect(Double(found.always) / Double(Self.runs) < 0.05)
        #expect(Double(found.fixed) / Double(Self.runs) > 0.1)
    }

    @Test(arguments: [0.0, 0.7])
    func `latencies with a long tail`(effect: Double) {
        let found = misses(.latency, effect: effect, perDay: 50) { shift, generator in
            exp(0.8 * Self.normal(&generator)) + shift
        }
        #expect(Double(found.always) / Double(Self.runs) < 0.05)
        #expect(Double(found.fixed) / Double(Self.runs) > 0.1)
    }

    @Test func `a real difference is found`() {
        var foundAfter: [Int] = []
        for seed in 0..<200 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var (control, arm) = (Moments(), Moments())
            for day in 1...Self.days {
                for _ in 0..<50 {
                    control.record(Double.random(in: 0..<1, using: &generator) < 0.90 ? 1 : 0)
                    arm.record(Double.random(in: 0..<1, using: &generator) < 0.95 ? 1 : 0)
                }
                let found = Comparison(
                    .success, arm: arm, control: control, alpha: 0.05, plan: ExperimentPlan())
                if found?.isBetter == true {
                    foundAfter.append(day)
                    break
                }
            }
        }
        #expect(foundAfter.count >= 190)
        #expect(foundAfter.sorted()[foundAfter.count / 2] < 35)
    }
}
