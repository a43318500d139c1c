import Testing

@testable import Fleet

@Suite struct GapTimesTests {
    private func times(_ gaps: [Double]) -> GapTimes {
        var times = GapTimes()
        for gap in gaps { times.record(gap, keeping: 1) }
        return times
    }

    @Test func `nothing known, nothing kept`() {
        #expect(GapTimes().bestTimeout(price: 100) == 0)
    }

    @Test(arguments: [
        // Gaps of this length all the time, what a start costs: is it kept over the gap?
        (5.0, 100.0, true), (90, 100, true), (200, 100, false), (1000, 100, false), (1000, 5000, true), (3, 1, false),
    ])
    func `gaps shorter than a start is dear are bridged, longer ones are not`(gap: Double, price: Double, isKept: Bool)
    {
        let best = times(Array(repeating: gap, count: 20)).bestTimeout(price: price)
        #expect(isKept ? best >= gap : best == 0, "\(best)")
    }

    /// Many short gaps and a few long ones: the short are bridged, and the long not waited out.
    @Test func `between two kinds of gaps it waits as long as the short ones take`() {
        let best = times(Array(repeating: 8, count: 90) + Array(repeating: 3000, count: 10)).bestTimeout(price: 60)
        #expect(8...32 ~= best)
    }

    @Test func `old gaps fade`() {
        var gaps = times(Array(repeating: 10, count: 50))
        for _ in 0..<400 { gaps.record(10_000, keeping: 0.99) }
        #expect(gaps.weight <= 100)
        #expect(gaps.bestTimeout(price: 100) == 0)
    }

    /// The histogram knows a gap to a factor of √3 only; what follows from it costs little more than what the gaps
    /// themselves would have had one choose.
    @Test(arguments: 0..<200 as Range<UInt64>) func `what it chooses is near the best of all`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let spread = Double.random(in: 0.5...9, using: &generator)
        let gaps = (0..<60).map { _ in Double.random(in: 0.7...(0.7 + spread), using: &generator).exponential }
        let price = Double.random(in: 1...3000, using: &generator)
        func cost(_ timeout: Double) -> Double {
            gaps.reduce(0) { $0 + ($1 <= timeout ? $1 : timeout + price) }
        }
        let chosen = times(gaps).bestTimeout(price: price)
        let best = ([0] + gaps).map(cost).min() ?? 0
        #expect(cost(chosen) <= best * 1.5 + 2 * price, "\(cost(chosen)) with \(chosen), \(best) at best")
        // Never worse than always, or never, keeping by more than a bin is wide.
        #expect(cost(chosen) <= 1.8 * min(cost(0), gaps.reduce(0, +)))
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func `dearer starts are worth longer waits`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let gaps = times((0..<60).map { _ in Double.random(in: 0...11, using: &generator).exponential })
        var last = 0.0
        for price in stride(from: 1.0, through: 20_000, by: 2000) {
            let best = gaps.bestTimeout(price: price)
            #expect(best >= last)
            last = best
        }
    }
}
