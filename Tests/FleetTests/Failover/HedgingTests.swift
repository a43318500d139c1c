import Fleet
import Testing

struct HedgingTests {
    private func order(
        _ policy: HedgePolicy?, samples: [(ok: Int, seconds: Double)], at now: Duration = .zero
    ) -> Hedging.Order? {
        var hedging = Hedging(policy)
        for sample in samples { hedging.observed(OutcomeSummary.of(ok: sample.ok, seconds: sample.seconds), at: .zero) }
        return hedging.order(at: now)
    }

    @Test func `it is off unless somebody says so`() {
        #expect(order(nil, samples: [(1_000, 2)]) == nil)
    }

    @Test func `late is what takes longer than 95 of 100 did`() throws {
        let late = try #require(order(HedgePolicy(), samples: [(960, 1), (40, 30)]))
        #expect(late.after > .seconds(1) && late.after < .milliseconds(1_100))
        let later = try #require(order(HedgePolicy(), samples: [(940, 1), (60, 30)]))
        #expect(later.after >= .seconds(30))
    }

    @Test func `nobody is hedged sooner than the least wait`() {
        var policy = HedgePolicy()
        policy.minimumWait = .seconds(9)
        #expect(order(policy, samples: [(1_000, 1)])?.after == .seconds(9))
    }

    @Test func `with too few successes nobody is`() {
        #expect(order(HedgePolicy(), samples: [(99, 1)]) == nil)
        #expect(order(HedgePolicy(), samples: [(100, 1)]) != nil)
    }

    @Test func `what is long ago is no measure, and pays for nothing`() {
        #expect(order(HedgePolicy(), samples: [(1_000, 1)], at: Hedging.window * 2) == nil)
    }

    @Test func `switched off and on again it begins with nothing`() {
        var hedging = Hedging(HedgePolicy())
        hedging.observed(OutcomeSummary.of(ok: 1_000, seconds: 1), at: .zero)
        hedging.policy = nil
        #expect(hedging.order(at: .zero) == nil)
        hedging.policy = HedgePolicy()
        #expect(hedging.order(at: .zero) == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func `second attempts are never more than their part of all`(seed: UInt64)
    {
        var dice = SeededGenerator(seed: seed)
        var policy = HedgePolicy()
        policy.ratio = Double.random(in: 0.001...0.2, using: &dice)
        policy.minimumSample = Int.random(in: 1...200, using: &dice)
        var hedging = Hedging(policy)
        var (attempts, begun) = (0, 0)
        for second in 0..<2_000 {
            let ok = Int.random(in: 0...20, using: &dice)
            if ok > 0 {
                hedging.observed(
                    OutcomeSummary.of(ok: ok, seconds: Double.random(in: 0.01...5, using: &dice)), at: .seconds(second))
            }
            attempts += ok
            guard Int.random(in: 0..<3, using: &dice) == 0, let order = hedging.order(at: .seconds(second)) else {
                continue
            }
            #expect(order.limit >= 1 && order.after >= policy.minimumWait)
            let count = Int.random(in: 0...order.limit, using: &dice)
            hedging.began(count)
            begun += count
            #expect(Double(begun) <= policy.ratio * Double(attempts))
        }
        #expect(begun > 0)
    }
}
