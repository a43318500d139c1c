import Testing

@testable import Fleet

@Suite struct ArrivalWatchTests {
    /// Shows it whole minutes, each in one look; says of each whether it was flagged.
    private func flags(_ watch: inout ArrivalWatch, from minute: Int = 0, _ jobs: [Int]) -> [Bool] {
        jobs.enumerated().map { offset, count in
            watch.look(at: Double((minute + offset) * 60 + 30), arrivals: count)
            return watch.isAnomalous
        }
    }

    @Test(arguments: [
        // Usual jobs a minute, then a minute of this: flagged?
        (10, 10, false), (10, 30, false), (10, 60, true), (10, 500, true), (100, 200, false), (100, 900, true),
        (0, 5, false), (0, 10, false), (0, 40, true), (10, 0, false), (1000, 0, false),
    ])
    func `a minute far above what was usual is flagged, one below never`(usual: Int, then: Int, isFlagged: Bool) {
        var watch = ArrivalWatch()
        #expect(flags(&watch, Array(repeating: usual, count: 240)).allSatisfy { !$0 })
        #expect(flags(&watch, from: 240, [then]) == [isFlagged])
        // The next usual minute is usual again.
        #expect(flags(&watch, from: 241, [usual]) == [false])
    }

    @Test func `in the first hour nothing is far out`() {
        var watch = ArrivalWatch()
        #expect(flags(&watch, Array(repeating: 2, count: 55) + [1000, 1000]).allSatisfy { !$0 })
    }

    @Test func `within its minute it is flagged as soon as it is too much, whatever the looks`() {
        var watch = ArrivalWatch()
        _ = flags(&watch, Array(repeating: 10, count: 120))
        var flaggedAt: Int?
        for second in 0..<60 {
            watch.look(at: Double(120 * 60 + second), arrivals: 20)
            if watch.isAnomalous, flaggedAt == nil { flaggedAt = second }
        }
        // ln 11 and six times a quarter: 49 jobs, in the third second.
        #expect(flaggedAt == 2)
    }

    /// A level that stays is news for a while, and then what is usual: it is flagged, not fought.
    @Test func `what stays becomes usual within hours`() {
        var watch = ArrivalWatch()
        _ = flags(&watch, Array(repeating: 10, count: 240))
        let after = flags(&watch, from: 240, Array(repeating: 80, count: 600))
        #expect(after.first == true && after.last == false)
        // Once it is no longer flagged it stays so.
        let first = after.firstIndex(of: false) ?? 0
        #expect(after[first...].allSatisfy { !$0 })
    }

    @Test func `one outlier hardly moves what is usual`() {
        var watch = ArrivalWatch()
        _ = flags(&watch, Array(repeating: 10, count: 600))
        _ = flags(&watch, from: 600, [1_000_000])
        #expect(flags(&watch, from: 601, [10, 10, 200]) == [false, false, true])
    }

    /// Poisson arrivals, whatever their rate, are what they are: hardly a minute of them is flagged.
    @Test(arguments: 0..<100 as Range<UInt64>) func `chance alone is seldom flagged`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let rate = Double.random(in: 0.2...50, using: &generator)
        var watch = ArrivalWatch()
        var flagged = 0
        for minute in 0..<600 {
            // Jobs of a minute: exponential gaps.
            var count = 0
            var time = 0.0
            while true {
                time -= (1 - Double.random(in: 0..<1, using: &generator)).logarithm / rate
                guard time < 1 else { break }
                count += 1
            }
            watch.look(at: Double(minute * 60), arrivals: count)
            if watch.isAnomalous { flagged += 1 }
        }
        #expect(flagged <= 1)
    }
}
