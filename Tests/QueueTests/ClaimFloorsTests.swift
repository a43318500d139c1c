import Queue
import Testing

struct ClaimFloorsTests {
    private static let none = [Int64?](repeating: nil, count: 5)
    private static let zero = [Int64](repeating: 0, count: 5)

    private func floors(after keys: [Int64?], reachedEnd: Bool, empty: [Int64] = zero) -> [Int64]? {
        var floors = ClaimFloors()
        floors.claimReturned(
            keys: keys, reachedEnd: reachedEnd, emptyFloors: empty, wasFullLook: true, began: .zero,
            now: .milliseconds(1))
        return floors.forClaim(at: .milliseconds(2))
    }

    @Test func `the first claim looks from the beginning`() { #expect(ClaimFloors().forClaim(at: .zero) == nil) }

    @Test func `what was taken is the floor of its level`() {
        #expect(floors(after: [nil, nil, 30, nil, nil], reachedEnd: false) == [0, 0, 30, 0, 0])
    }

    @Test func `a level above one that gave something was empty`() {
        #expect(
            floors(after: [nil, 20, nil, 40, nil], reachedEnd: false, empty: [1, 2, 3, 4, 5]) == [1, 20, 3, 40, 0])
    }

    @Test func `every level was looked through when the claim came back short`() {
        #expect(floors(after: [nil, 20, nil, 4, nil], reachedEnd: true, empty: [9, 9, 9, 9, 9]) == [9, 20, 9, 9, 9])
        #expect(floors(after: Self.none, reachedEnd: true, empty: [9, 8, 7, 6, 5]) == [9, 8, 7, 6, 5])
    }

    @Test func `a floor only rises between looks from the beginning`() {
        var floors = ClaimFloors()
        for key in [50, 20] as [Int64] {
            floors.claimReturned(
                keys: [nil, nil, key, nil, nil], reachedEnd: false, emptyFloors: Self.zero, wasFullLook: key == 50,
                began: .zero, now: .milliseconds(1))
        }
        #expect(floors.forClaim(at: .milliseconds(2)) == [0, 0, 50, 0, 0])
    }

    @Test func `a look from the beginning may lower it`() {
        var floors = ClaimFloors()
        for key in [50, 20] as [Int64] {
            floors.claimReturned(
                keys: [nil, nil, key, nil, nil], reachedEnd: false, emptyFloors: Self.zero, wasFullLook: true,
                began: .zero,
                now: .milliseconds(1))
        }
        #expect(floors.forClaim(at: .milliseconds(2)) == [0, 0, 20, 0, 0])
    }

    @Test func `a full look that saw only the first levels leaves the others as they were`() {
        var floors = ClaimFloors()
        floors.claimReturned(
            keys: Self.none, reachedEnd: true, emptyFloors: [5, 5, 5, 5, 5], wasFullLook: true, began: .zero,
            now: .milliseconds(1))
        floors.claimReturned(
            keys: [3, nil, nil, nil, nil], reachedEnd: false, emptyFloors: [9, 9, 9, 9, 9], wasFullLook: true,
            began: .zero,
            now: .milliseconds(1))
        #expect(floors.forClaim(at: .milliseconds(2)) == [3, 5, 5, 5, 5])
    }

    @Test func `full looks take at most a fiftieth of the time`() {
        var floors = ClaimFloors()
        floors.claimReturned(
            keys: Self.none, reachedEnd: true, emptyFloors: Self.zero, wasFullLook: true, began: .seconds(10),
            now: .seconds(11))
        #expect(floors.forClaim(at: .seconds(11 + 49) - .nanoseconds(1)) != nil)
        #expect(floors.forClaim(at: .seconds(11 + 49)) == nil)
    }

    @Test func `forgotten, the next claim looks from the beginning`() {
        var floors = ClaimFloors()
        floors.claimReturned(
            keys: Self.none, reachedEnd: true, emptyFloors: Self.zero, wasFullLook: true, began: .zero, now: .seconds(1)
        )
        floors.forgotten()
        #expect(floors.forClaim(at: .seconds(1)) == nil)
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
        var claimers = Array(repeating: ClaimFloors(), count: 3)
        var now = Duration.zero
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
                let who = Int.random(in: 0..<claimers.count, using: &random)
                let limit = Int.random(in: 1...6, using: &random)
                let floors = claimers[who].forClaim(at: now)
                let empty = virtual
                visible.sort { ($0.level, $0.key) < ($1.level, $1.key) }
                let hidden = visible.filter { job in floors.map { job.key < $0[job.level] } ?? false }
                // Only what committed late can be below a floor.
                #expect(hidden.allSatisfy { late.contains($0.key) })
                let taken = visible.filter { job in floors.map { job.key >= $0[job.level] } ?? true }.prefix(limit)
                var keys = Self.none
                for job in taken {
                    keys[job.level] = max(keys[job.level] ?? 0, job.key)
                    virtual[job.level] = max(virtual[job.level], job.key)
                    if let index = visible.firstIndex(where: { $0.key == job.key && $0.level == job.level }) {
                        visible.remove(at: index)
                    }
                }
                claimers[who].claimReturned(
                    keys: keys, reachedEnd: taken.count < limit, emptyFloors: empty, wasFullLook: floors == nil,
                    began: now,
                    now: now + .milliseconds(1))
            }
        }
    }
}
