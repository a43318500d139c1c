import Queue
import Testing

struct ClaimFloorsTests {
    private static let none = [Int64?](repeating: nil, count: 5)
    private static let zero = [Int64](repeating: 0, count: 5)

    /// Floors after a first claim of 60 ms, so that the virtual time from before it is settled.
    private func floors(after keys: [Int64?], reachedEnd: Bool, empty: [Int64] = zero) -> ClaimFloors {
        var floors = ClaimFloors()
        floors.claimReturned(
            .everything, keys: keys, reachedEnd: reachedEnd, emptyFloors: empty, share: 1, began: .zero,
            now: .milliseconds(60))
        return floors
    }

    private func range(after keys: [Int64?], reachedEnd: Bool, empty: [Int64] = zero) -> ClaimRange {
        floors(after: keys, reachedEnd: reachedEnd, empty: empty).forClaim(at: .milliseconds(61))
    }

    @Test func `the first claim looks through everything`() {
        #expect(ClaimFloors().forClaim(at: .zero) == .everything)
    }

    @Test func `what was taken is the floor of its level`() {
        #expect(range(after: [nil, nil, 30, nil, nil], reachedEnd: false) == ClaimRange(floors: [0, 0, 30, 0, 0]))
    }

    @Test func `a level above one that gave something was empty`() {
        #expect(
            range(after: [nil, 20, nil, 40, nil], reachedEnd: false, empty: [1, 2, 3, 4, 5]).floors == [
                1, 2, 3, 40, 0,
            ])
    }

    @Test func `every level was looked through when the claim came back short`() {
        #expect(
            range(after: [nil, 20, nil, 4, nil], reachedEnd: true, empty: [9, 9, 9, 9, 9]).floors == [9, 9, 9, 9, 9])
        #expect(range(after: Self.none, reachedEnd: true, empty: [9, 8, 7, 6, 5]).floors == [9, 8, 7, 6, 5])
    }

    @Test func `a floor only rises`() {
        var floors = floors(after: [nil, nil, 50, nil, nil], reachedEnd: false)
        floors.claimReturned(
            ClaimRange(floors: [0, 0, 50, 0, 0]), keys: [nil, nil, 20, nil, nil], reachedEnd: false,
            emptyFloors: Self.zero, share: 1, began: .milliseconds(61), now: .milliseconds(62))
        #expect(floors.forClaim(at: .milliseconds(62)).floors == [0, 0, 50, 0, 0])
    }

    @Test func `a look back that reaches the floors looks through everything, at most a fiftieth of the time`() {
        var floors = floors(after: [nil, nil, 30, nil, nil], reachedEnd: true, empty: [7, 7, 7, 7, 7])
        let ordinary = ClaimRange(floors: [7, 7, 7, 7, 7])
        let due = Duration.milliseconds(60 + 60 * 49)
        #expect(floors.forClaim(at: due - .nanoseconds(1)) == ordinary)
        #expect(floors.forClaim(at: due) == .everything)
        floors.claimReturned(
            .everything, keys: Self.none, reachedEnd: true, emptyFloors: [9, 9, 9, 9, 9], share: 1,
            began: due, now: due + .milliseconds(2))
        #expect(floors.forClaim(at: due + .milliseconds(2 + 98) - .nanoseconds(1)) == ordinary)
        #expect(floors.forClaim(at: due + .milliseconds(2 + 98)) == .everything)
    }

    @Test func `where a look back finds as much as it may, the next one follows at once`() {
        var floors = floors(after: [nil, nil, 30, nil, nil], reachedEnd: true, empty: [7, 7, 7, 7, 7])
        let back = floors.forClaim(at: .seconds(4))
        floors.claimReturned(
            back, keys: [nil, nil, 4, nil, nil], reachedEnd: false, emptyFloors: Self.zero, share: 1,
            began: .seconds(4),
            now: .seconds(5))
        #expect(floors.forClaim(at: .seconds(5)) == back)
    }

    @Test func `one that goes on above the floor and comes back full is over`() {
        var floors = floors(after: [nil, nil, 30, nil, nil], reachedEnd: false)
        floors.claimReturned(
            ClaimRange(floors: [0, 0, 30, 0, 0]), keys: [nil, nil, 60, nil, nil], reachedEnd: false,
            emptyFloors: Self.zero, share: 1, began: .milliseconds(61), now: .milliseconds(62))
        let back = floors.forClaim(at: .seconds(4))
        #expect(back == .everything)
        // Below the floor there was one, and above it the rest.
        floors.claimReturned(
            back, keys: [nil, nil, 90, nil, nil], reachedEnd: false, emptyFloors: Self.zero, share: 1,
            began: .seconds(4), now: .seconds(5))
        #expect(floors.forClaim(at: .seconds(5)).floors == [0, 0, 90, 0, 0])
        #expect(floors.forClaim(at: .seconds(5 + 49)).floors == Self.zero)
    }

    @Test func `with a backlog looks back are at most a fiftieth of the claims`() {
        var floors = ClaimFloors()
        var (now, taken, looksBack) = (Duration.zero, Int64(0), 0)
        for _ in 0..<2_000 {
            let range = floors.forClaim(at: now)
            let isPart = range.ceilings != nil
            if range.floors[2] < taken || isPart { looksBack += 1 }
            let began = now
            now += .milliseconds(isPart ? 1 : 9)
            if !isPart { taken += 1_000 }
            floors.claimReturned(
                range, keys: [nil, nil, isPart ? nil : taken, nil, nil], reachedEnd: isPart,
                emptyFloors: Self.zero, share: 1, began: began, now: now)
        }
        #expect(1...100 ~= looksBack, "\(looksBack) of 2,000")
    }

    @Test func `a slow look back covers less, the next goes on where it ended, and the pass begins again`() {
        let top: Int64 = 1 << 40
        let virtual = [0, 0, top, 0, 0]
        var floors = floors(after: [nil, nil, top, nil, nil], reachedEnd: true, empty: virtual)
        var now = Duration.seconds(4)
        var ends: [Int64] = []
        for took in [Duration.milliseconds(20), .milliseconds(4), .milliseconds(4), .milliseconds(4), .milliseconds(4)]
        {
            let range = floors.forClaim(at: now)
            ends.append(range.ceilings?[2] ?? top)
            let began = now
            now += took
            floors.claimReturned(
                range, keys: Self.none, reachedEnd: true, emptyFloors: virtual, share: 1, began: began, now: now)
            #expect(floors.forClaim(at: now) == ClaimRange(floors: virtual))
            now += took * ClaimFloors.lookBackShare
        }
        // All of it took four times as long as it may: then a quarter at a time.
        #expect(ends == [top, top / 4, top / 2, top / 4 * 3, top])
        #expect(floors.forClaim(at: now).floors == Self.zero)
    }

    @Test func `however slow, a look back covers something`() {
        let virtual: [Int64] = [0, 0, 1 << 40, 0, 0]
        var floors = floors(after: [nil, nil, 1 << 40, nil, nil], reachedEnd: true, empty: virtual)
        floors.claimReturned(
            floors.forClaim(at: .seconds(4)), keys: Self.none, reachedEnd: true, emptyFloors: virtual, share: 1,
            began: .seconds(4), now: .seconds(1_000))
        #expect(floors.forClaim(at: .seconds(100_000)).ceilings?[2] == 1 << 30)
    }

    @Test func `a share that changed makes the floors worthless, and those of the claim that saw it`() {
        var floors = floors(after: Self.none, reachedEnd: true, empty: [5, 5, 5, 5, 5])
        floors.claimReturned(
            floors.forClaim(at: .milliseconds(61)), keys: [nil, 9, nil, nil, nil], reachedEnd: true,
            emptyFloors: [9, 9, 9, 9, 9], share: 2, began: .milliseconds(61), now: .milliseconds(62))
        #expect(floors.forClaim(at: .milliseconds(63)) == .everything)
        floors.claimReturned(
            .everything, keys: [nil, 9, nil, nil, nil], reachedEnd: true, emptyFloors: [9, 9, 9, 9, 9], share: 2,
            began: .milliseconds(63), now: .milliseconds(123))
        #expect(floors.forClaim(at: .milliseconds(124)).floors == [9, 9, 9, 9, 9])
    }

    @Test func `forgotten, the next claim looks through everything`() {
        var floors = floors(after: Self.none, reachedEnd: true, empty: [5, 5, 5, 5, 5])
        floors.forgotten()
        #expect(floors.forClaim(at: .seconds(1)) == .everything)
    }

    @Test func `where nothing waits a claim begins at the virtual time of a while ago`() {
        var floors = floors(after: Self.none, reachedEnd: true, empty: [5, 5, 5, 5, 5])
        func claim(at now: Duration, key: Int64, reachedEnd: Bool) {
            floors.claimReturned(
                floors.forClaim(at: now), keys: [nil, nil, key, nil, nil], reachedEnd: reachedEnd,
                emptyFloors: [Int64](repeating: key - 1, count: 5), share: 1, began: now, now: now + .milliseconds(1))
        }
        claim(at: .milliseconds(100), key: 10, reachedEnd: true)
        #expect(floors.forClaim(at: .milliseconds(101)).floors == [5, 5, 5, 5, 5])
        claim(at: .milliseconds(148), key: 20, reachedEnd: true)
        #expect(floors.forClaim(at: .milliseconds(149)).floors == [5, 5, 5, 5, 5])
        claim(at: .milliseconds(149), key: 30, reachedEnd: true)
        #expect(floors.forClaim(at: .milliseconds(150)).floors == [9, 9, 9, 9, 9])
        // With a backlog what lies between would be stepped over at every claim, and nothing runs the sooner for it.
        claim(at: .milliseconds(150), key: 40, reachedEnd: false)
        #expect(floors.forClaim(at: .milliseconds(151)).floors == [9, 9, 40, 29, 29])
    }

    /// One claimer that keeps up, and enqueues that draw their keys above the virtual time and commit within 50 ms.
    @Test(arguments: 0..<50) func `where nothing waits no job is hidden that commits soon`(seed: Int) {
        var random = SeededNumbers(UInt64(seed))
        var floors = ClaimFloors()
        var (now, virtual) = (Duration.zero, Int64(0))
        var last: Int64 = 0
        var uncommitted: [(key: Int64, visibleAt: Duration)] = []
        var taken = 0
        for _ in 0..<1_000 {
            now += .microseconds(Int.random(in: 100...8_000, using: &random))
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                last = max(virtual, last) + 1
                uncommitted.append((last, now + .microseconds(Int.random(in: 0...50_000, using: &random))))
            }
            let range = floors.forClaim(at: now)
            let empty = virtual
            let found = uncommitted.filter { $0.visibleAt <= now }.map(\.key)
            #expect(found.allSatisfy { $0 >= range.floors[2] || range.ceilings != nil })
            if range.ceilings == nil {
                uncommitted.removeAll { $0.visibleAt <= now }
                virtual = max(virtual, found.max() ?? 0)
                taken += found.count
            }
            floors.claimReturned(
                range, keys: [nil, nil, found.max(), nil, nil], reachedEnd: true,
                emptyFloors: [Int64](repeating: empty, count: 5), share: 1, began: now, now: now + .microseconds(900))
        }
        #expect(taken > 1_000)
    }

    /// A queue in memory with several claimers: enqueues get keys above every key claimed, as the database's do, and some
    /// of them commit late.
    @Test(arguments: 0..<50) func `no job that commits in time is ever below a floor`(seed: Int) {
        struct Waiting { var key: Int64, level: Int }
        var random = SeededNumbers(UInt64(seed))
        var visible: [Waiting] = []
        var uncommitted: [Waiting] = []
        var late = Set<Int64>()
        var virtual = Self.zero
        var claimers = Array(repeating: ClaimFloors(leastWidth: 40), count: 3)
        var now = Duration.zero

        func claim(by who: Int, limit: Int) {
            let range = claimers[who].forClaim(at: now)
            let empty = virtual
            visible.sort { ($0.level, $0.key) < ($1.level, $1.key) }
            if range.ceilings == nil {
                // Only what committed late can be below a floor.
                #expect(visible.allSatisfy { $0.key >= range.floors[$0.level] || late.contains($0.key) })
            }
            let taken = visible.filter { job in
                job.key >= range.floors[job.level] && job.key < range.ceilings?[job.level] ?? .max
            }.prefix(limit)
            var keys = Self.none
            for job in taken {
                keys[job.level] = max(keys[job.level] ?? 0, job.key)
                virtual[job.level] = max(virtual[job.level], job.key)
                if let index = visible.firstIndex(where: { $0.key == job.key && $0.level == job.level }) {
                    visible.remove(at: index)
                }
            }
            claimers[who].claimReturned(
                range, keys: keys, reachedEnd: taken.count < limit, emptyFloors: empty, share: 1, began: now,
                now: now + .milliseconds(1 + (now.components.seconds * 7) % 9))
        }

        for _ in 0..<400 {
            now += .milliseconds(Int.random(in: 0...20, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0...1:
                let level = Int.random(in: 0..<5, using: &random)
                visible.append(
                    Waiting(key: virtual[level] + 1 + Int64.random(in: 0...50, using: &random), level: level))
            case 2:
                // Queued again: at the virtual time itself.
                let level = Int.random(in: 0..<5, using: &random)
                visible.append(Waiting(key: virtual[level], level: level))
            case 3:
                let level = Int.random(in: 0..<5, using: &random)
                if Bool.random(using: &random) {
                    uncommitted.append(Waiting(key: virtual[level] + 1, level: level))
                } else if let job = uncommitted.popLast() {
                    if job.key <= virtual[job.level] { late.insert(job.key) }
                    visible.append(job)
                }
            default:
                claim(
                    by: Int.random(in: 0..<claimers.count, using: &random), limit: Int.random(in: 1...6, using: &random)
                )
            }
        }
        // Looks back find what was hidden, whoever makes them.
        late.formUnion(uncommitted.map(\.key))
        visible += uncommitted
        for _ in 0..<1_000 where !visible.isEmpty {
            now += .milliseconds(500)
            claim(by: 0, limit: 6)
        }
        #expect(visible.isEmpty)
    }
}
