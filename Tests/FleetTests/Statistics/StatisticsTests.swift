@testable import Fleet
import Glibc
import Testing

struct StatisticsTests {
    private func near(_ found: Double, _ expected: Double, _ tolerance: Double = 1e-14) -> Bool {
        (found - expected).magnitude <= tolerance * max(1, expected.magnitude)
    }

    @Test func `logarithm and exponential are the C library's`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<3_000 {
            let value = Glibc.exp(Double.random(in: -700...700, using: &generator))
            #expect(near(value.logarithm, Glibc.log(value)))
            let power = Double.random(in: -700...700, using: &generator)
            #expect((power.exponential / Glibc.exp(power) - 1).magnitude < 1e-14)
        }
        #expect(Double(1).logarithm == 0 && (0.0).logarithm == -.infinity && (-1.0).logarithm.isNaN)
        #expect((0.0).exponential == 1 && (800.0).exponential == .infinity && (-800.0).exponential == 0)
        #expect((709.0).exponential.isFinite && (-745.0).exponential > 0)
        #expect(Double.infinity.logarithm == .infinity && Double.nan.exponential.isNaN)
    }

    /// Critical values as printed in every table of the distribution (NIST/SEMATECH e-Handbook, 1.3.6.7.4).
    @Test(arguments: [
        (3.841, 1, 0.05), (6.635, 1, 0.01), (10.828, 1, 0.001), (5.991, 2, 0.05), (7.815, 3, 0.05), (11.070, 5, 0.05),
        (18.307, 10, 0.05), (29.588, 10, 0.001), (124.342, 100, 0.05), (77.929, 100, 0.95),
    ])
    func `chi-square tails are those of the tables`(statistic: Double, degrees: Int, tail: Double) {
        #expect((ChiSquare.upperTail(statistic, degrees: degrees) / tail - 1).magnitude < 0.005)
    }

    @Test func `chi-square tails have their closed forms`() {
        for step in 1..<100 {
            let x = Double(step)
            #expect(near(ChiSquare.upperTail(x, degrees: 2), Glibc.exp(-x / 2), 1e-13))
            #expect(near(ChiSquare.upperTail(x, degrees: 1), Glibc.erfc((x / 2).squareRoot()), 1e-13))
        }
        #expect(ChiSquare.upperTail(0, degrees: 3) == 1 && ChiSquare.upperTail(.infinity, degrees: 3) == 0)
        #expect(ChiSquare.upperTail(.nan, degrees: 3) == 1)
    }

    @Test func `moments joined are the moments of all`() {
        for seed in 0..<200 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let values = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                Double.random(in: -5...1_000, using: &generator)
            }
            let border = Int.random(in: 0...values.count, using: &generator)
            var (left, right) = (Moments(), Moments())
            for value in values[..<border] { left.record(value) }
            for value in values[border...] { right.record(value) }
            left.merge(right)
            let mean = values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            #expect(left.count == values.count && near(left.mean, mean, 1e-10))
            #expect(near(left.variance, values.count > 1 ? squares / Double(values.count - 1) : 0, 1e-9))
            let summed = Moments(
                count: values.count, sum: values.reduce(0, +), sumOfSquares: values.reduce(0) { $0 + $1 * $1 })
            #expect(near(summed.variance, left.variance, 1e-7))
        }
        var moments = Moments()
        moments.record(.nan)
        #expect(moments.count == 0)
    }

    @Test func `quantiles are at most a sixteenth too long and never too short`() throws {
        for seed in 0..<100 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let times = (0..<Int.random(in: 1...500, using: &generator)).map { _ in
                Duration.seconds(Glibc.exp(Double.random(in: -6...8, using: &generator)))
            }.sorted()
            var (histogram, other) = (LatencyHistogram(), LatencyHistogram())
            for (index, time) in times.enumerated() {
                if index.isMultiple(of: 3) { other.record(time) } else { histogram.record(time) }
            }
            histogram.merge(other)
            for share in [0.01, 0.5, 0.95, 1] {
                let truth = times[max(1, Int((Double(times.count) * share).rounded(.up))) - 1]
                let found = try #require(histogram.quantile(share))
                #expect(found >= truth && found <= truth * 1.0625)
            }
            let limit = times[times.count / 2]
            let above = times.count { $0 > limit * 1.0625 }
            #expect(
                histogram.count(above: limit) >= above && histogram.count(above: limit) <= times.count { $0 > limit })
        }
        #expect(LatencyHistogram().quantile(0.5) == nil && LatencyHistogram().count(above: .zero) == 0)
        for wild in [Duration.zero, .seconds(-3), .seconds(1e12)] {
            #expect(0..<LatencyHistogram.binCount ~= LatencyHistogram.bin(of: wild))
        }
    }

    @Test func `the sequential test errs as seldom as it promises`() {
        let test = SequentialTest(acceptable: 0.02, unacceptable: 0.1, error: 0.05)
        for (truth, wrong) in [(0.02, SequentialTest.Verdict.bad), (0.1, .good), (0.2, .good)] {
            var mistakes = 0
            var generator = SeededGenerator(seed: 11)
            for _ in 0..<2_000 {
                var (trials, bad) = (0, 0)
                while test.verdict(trials: trials, bad: bad) == .undecided {
                    trials += 1
                    if Double.random(in: 0..<1, using: &generator) < truth { bad += 1 }
                }
                if test.verdict(trials: trials, bad: bad) == wrong { mistakes += 1 }
            }
            #expect(Double(mistakes) / 2_000 < (truth == 0.2 ? 0.005 : 0.06))
        }
        #expect(test.verdict(trials: 0, bad: 0) == .undecided)
        #expect(test.verdict(trials: test.cleanTrials, bad: 0) == .good)
        #expect(test.verdict(trials: test.cleanTrials - 1, bad: 0) == .undecided)
        #expect(test.finalVerdict(trials: 100, bad: 6) == .good && test.finalVerdict(trials: 100, bad: 7) == .bad)
        #expect(test.finalVerdict(trials: 0, bad: 0) == .undecided)
    }

    @Test func `a steady rise is seen with its rate, noise is not`() throws {
        var alarms = 0
        for seed in 0..<300 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var (rising, flat) = (Trend(), Trend())
            for point in 0..<30 {
                let noise = Double.random(in: -1...1, using: &generator)
                rising.record(Double(point) * 0.5 + noise, at: .seconds(point * 10))
                flat.record(50 + 20 * noise, at: .seconds(point * 10))
            }
            let rise = try #require(rising.risePerSecond)
            #expect(rise > 0.035 && rise < 0.065)
            let left = try #require(rising.time(to: 29.5))
            #expect(left > .seconds(200) && left < .seconds(420))
            #expect(rising.time(to: 0) == .zero)
            if flat.risePerSecond != nil { alarms += 1 }
        }
        #expect(alarms < 4)
        #expect(Trend().risePerSecond == nil && Trend().time(to: 1) == nil)
    }

    @Test func `figures read as people write them`() {
        #expect(Prose.number(0.25, digits: 2) == "0.25" && Prose.number(3, digits: 2) == "3")
        #expect(Prose.number(-1.05, digits: 1) == "-1.1" && Prose.number(-0.01, digits: 1) == "0")
        #expect(Prose.number(.infinity, digits: 1) == "?" && Prose.number(1e300, digits: 1) == "1e+300")
        #expect(Prose.percent(0.0812) == "8.1%" && Prose.count(1, "job") == "1 job")
        #expect(Prose.time(.milliseconds(250)) == "250 ms" && Prose.time(.seconds(1.84)) == "1.8 s")
        #expect(Prose.time(.seconds(90)) == "90 s" && Prose.time(.seconds(900)) == "15 min")
    }
}
