import Domain
import Fleet
import Testing

struct WorkerGuardTests {
    private var guardian = WorkerGuard(at: .zero)
    private var generator = SeededGenerator(seed: 1)

    private mutating func concurrency(at seconds: Int) -> Int {
        guardian.concurrency(slots: 8, at: .seconds(seconds), using: &generator)
    }

    private mutating func observe(ok: Int = 0, failed: Int = 0, at seconds: Int) {
        guardian.observed(.of(ok: ok, failed: failed), at: .seconds(seconds), using: &generator)
    }

    @Test mutating func `the fourth failure stops it at once, a controller's later word clears it`() {
        observe(ok: 50, failed: 3, at: 1)
        let before = concurrency(at: 1)
        observe(failed: 1, at: 1)
        let after = concurrency(at: 1)
        #expect(before == 8 && after == 0)
        guardian.heard(decidedAt: .seconds(1))
        let old = concurrency(at: 2)
        guardian.heard(decidedAt: .seconds(2))
        let cleared = concurrency(at: 2)
        #expect(old == 0 && cleared == 8)
    }

    @Test mutating func `without a controller it comes back by itself, one job first`() {
        observe(failed: 4, at: 30)
        #expect(!guardian.isGuided(at: .seconds(30)))
        let early = concurrency(at: 59)
        let due = concurrency(at: 67)
        #expect(early == 0 && due == 1)
        observe(ok: 1, at: 68)
        var seen: [Int] = []
        for second in stride(from: 80, to: 160, by: 10) {
            observe(ok: 50, at: second)
            seen.append(concurrency(at: second))
        }
        #expect(seen.first == 1 && seen.last == 8 && seen == seen.sorted())
        #expect(Set(seen).isSuperset(of: [1, 2, 4, 8]))
    }

    @Test mutating func `a failed job keeps it closed to work for longer`() {
        observe(failed: 4, at: 30)
        _ = concurrency(at: 67)
        observe(failed: 1, at: 68)
        let half = concurrency(at: 120)
        let due = concurrency(at: 141)
        #expect(half == 0 && due == 1)
    }

    @Test mutating func `without a controller it asks less of an upstream that refuses`() {
        guardian.observed(.of(ok: 60, failed: 40, as: .rateLimited), at: .seconds(8), using: &generator)
        let guided = concurrency(at: 9)
        let alone = concurrency(at: 12)
        let later = concurrency(at: 80)
        #expect(guided == 8 && alone == 5 && later == 8)
    }

    private mutating func allowance(at seconds: Int, mayStop: Bool = true) -> Int? {
        guardian.allowance(slots: 8, mayStop: mayStop, at: .seconds(seconds), using: &generator)
    }

    @Test mutating func `alone it holds less for an upstream that refuses, though nothing has tripped`() {
        guardian.observed(.of(ok: 60, failed: 40, as: .rateLimited), at: .seconds(8), using: &generator)
        #expect(!guardian.isTripped)
        let guided = allowance(at: 9)
        let alone = [allowance(at: 12), allowance(at: 12, mayStop: false)]
        let later = allowance(at: 80)
        #expect(guided == nil && alone == [5, 5] && later == nil)
    }

    @Test mutating func `one that has tripped is held back only where others are there for its jobs`() {
        observe(failed: 4, at: 30)
        let stopped = allowance(at: 31)
        let needed = allowance(at: 31, mayStop: false)
        #expect(stopped == 0 && needed == nil)
    }

    @Test func `histories stay within the slots`() {
        for seed in 0..<1_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var guardian = WorkerGuard(at: .zero)
            var now = Duration.zero
            for _ in 0..<100 {
                now += .milliseconds(Int.random(in: 0...15_000, using: &generator))
                if Int.random(in: 0..<4, using: &generator) == 0 { guardian.heard(decidedAt: now) }
                let failing: Double = [0, 0.02, 1].randomElement(using: &generator) ?? 0
                let outcomes = OutcomeSummary.random(
                    Int.random(in: 0...20, using: &generator), failing: failing, using: &generator)
                guardian.observed(outcomes, at: now, using: &generator)
                let slots = Int.random(in: 0...16, using: &generator)
                let found = guardian.concurrency(slots: slots, at: now, using: &generator)
                #expect(0...slots ~= found)
            }
        }
    }
}
