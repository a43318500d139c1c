import FoundationEssentials
import Testing

@testable import Fleet

@Suite struct LevelRecordTests {
    /// Needed for a second at each of these times, looked at every second in between.
    private func record(_ needs: [Double], until end: Double, saving: Double = 0) -> LevelRecord {
        var record = LevelRecord()
        for second in stride(from: 0, through: end, by: 1) {
            let isNeeded = needs.contains(second)
            record.look(at: second, isNeeded: isNeeded, saving: isNeeded ? saving : 0)
        }
        return record
    }

    @Test func `what was never needed is not kept`() {
        #expect(!LevelRecord().isKept(at: 0, price: 1e9, timeout: 1e9))
        #expect(LevelRecord().savedPerNeed == 1)
    }

    @Test(
        arguments: [
            // Idle for so long, a start costs so much, the rule's own timeout: kept?
            (5.0, 0.0, nil, true), (10, 0, nil, true), (11, 0, nil, false), (99, 100, nil, true),
            (101, 100, nil, false),
            (5, 1e9, 5, false), (4, 0, 5, true), (0.5, 0, 0, true), (1, 0, 0, false),
        ] as [(Double, Double, Double?, Bool)])
    func `with little known it is kept as long as a start costs, or as the rule says`(
        idle: Double, price: Double, timeout: Double?, isKept: Bool
    ) {
        let record = record([100], until: 100)
        #expect(record.isKept(at: 100 + idle, price: price, timeout: timeout) == isKept)
    }

    @Test func `looks that need it one after the other are one need`() {
        let record = record([10, 11, 12, 15, 20, 100, 104], until: 120, saving: 3)
        // From 20 to 100: the pauses within ten seconds are no gaps.
        #expect(record.gaps.weight == 1)
        #expect(record.lastNeed == 104)
        #expect(!record.isNeeded)
        // Fifteen jobs in the first need, six in the second, the older counting nine tenths.
        #expect(record.savedPerNeed == (15 * 0.9 + 6) / 1.9)
    }

    @Test func `from eight gaps on they say how long it is kept`() {
        let often = record((0...9).map { Double($0) * 30 }, until: 280)
        // A start for 25 s is dearer than a gap that is nearly always shorter than 32 s.
        #expect(often.isKept(at: 270 + 30, price: 40, timeout: nil))
        let seldom = record((0...9).map { Double($0) * 900 }, until: 8200)
        #expect(!seldom.isKept(at: 8100 + 11, price: 100, timeout: nil))
    }

    @Test func `a need imagined from run times that nobody knew is forgotten`() {
        var record = LevelRecord()
        record.look(at: 0, isNeeded: true, saving: 1000)
        record.forgetNeed()
        record.look(at: 1, isNeeded: true, saving: 2)
        for second in 2..<20 { record.look(at: Double(second), isNeeded: false, saving: 0) }
        #expect(record.savedPerNeed == 2)
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func `what is kept for the next controller is the same record`(
        seed: UInt64
    )
        throws
    {
        var generator = SeededGenerator(seed: seed)
        var record = LevelRecord()
        var now = 0.0
        var gaps = 0
        var lastNeed: Double?
        for _ in 0..<300 {
            now += Double.random(in: 0.5...40, using: &generator)
            let isNeeded = Int.random(in: 0..<4, using: &generator) == 0
            if isNeeded, let last = lastNeed, !record.isNeeded, now > last { gaps += 1 }
            record.look(
                at: now, isNeeded: isNeeded, saving: Double(Int.random(in: 0...5, using: &generator)))
            if isNeeded { lastNeed = now }
        }
        #expect(record.lastNeed == lastNeed)
        #expect(record.gaps.weight <= Double(gaps))
        let stored = try JSONEncoder().encode(record.memory(at: now))
        let restored = LevelRecord(try JSONDecoder().decode(ScalingMemory.Level.self, from: stored), at: now)
        for price in [1.0, 30, 300, 3000] {
            for idle in stride(from: 0.0, to: 4000, by: 397) {
                let kept = record.isKept(at: now + idle, price: price, timeout: nil)
                // To the rounding of the time of the last need.
                let isNear = record.isKept(at: now + idle + 0.001, price: price, timeout: nil) != kept
                guard isNear || restored.isKept(at: now + idle, price: price, timeout: nil) == kept else {
                    Issue.record("seed \(seed): another after \(idle) s at \(price)")
                    return
                }
                // A dearer start is never given back sooner.
                guard !kept || record.isKept(at: now + idle, price: price * 2, timeout: nil) else {
                    Issue.record("seed \(seed): given back although dearer")
                    return
                }
            }
        }
        #expect(restored.savedPerNeed == record.savedPerNeed)
    }
}
