import Fleet
import Testing

struct BucketTests {
    @Test func `ranges join, and say what PostgreSQL says`() {
        var set = BucketSet()
        for range in [10..<20, 40..<50, 20..<30, 25..<41, 9_990..<12_000, 3..<3] { set.insert(range) }
        #expect(set.ranges == [10..<50, 9_990..<10_000] && set.count == 50)
        #expect(set.multirange == "{[10,50),[9990,10000)}")
        #expect(set.contains(10) && set.contains(49) && !set.contains(50) && !set.contains(9))
        #expect(BucketSet().multirange == "{}" && BucketSet.all.multirange == "{[0,10000)}")
        #expect(set.isDisjoint(with: BucketSet(50..<60)) && !set.isDisjoint(with: .all))
    }

    @Test func `any set is read back from what is written`() {
        for seed in 0..<500 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var set = BucketSet()
            var truth: Set<Int> = []
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let start = Int.random(in: 0..<10_000, using: &generator)
                let range = start..<min(10_000, start + Int.random(in: 0...300, using: &generator))
                set.insert(range)
                truth.formUnion(range)
            }
            #expect(set.count == truth.count && Set(set.ranges.joined()) == truth)
            #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(BucketSet(multirange: set.multirange) == set)
        }
    }

    @Test(arguments: [
        "", "{", "}", "[0,5)", "{[5,3)}", "{[0,10001)}", "{[-1,5)}", "{[0,5),}", "{[0,5),[3,9)}", "{(0,5)}", "{[0,5]}",
        "{[a,b)}", "{[0,5)[7,9)}", "empty", "{[0,)}", "{)}", "{}}",
    ])
    func `anything else is not a set`(text: String) {
        #expect(BucketSet(multirange: text) == nil)
    }

    @Test func `a map has one owner per bucket, whatever SQL held`() {
        let map = BucketMap(owned: ["b": BucketSet(500..<2_000), "a": BucketSet(0..<1_000)])
        #expect(map.owned == ["a": BucketSet(0..<1_000), "b": BucketSet(1_000..<2_000)])
        #expect(map.owner(of: 999) == "a" && map.owner(of: 1_000) == "b" && map.owner(of: 5_000) == nil)
    }

    @Test func `an isolated deployment's buckets go to the others and nothing else moves`() {
        var map = BucketMap()
        map.apportion(["a": 6_000, "b": 3_000, "c": 1_000])
        let before = map
        let moved = map.apportion(["a": 6_667, "b": 3_333])
        #expect(moved == 1_000 && map.owned["c"] == nil)
        for (name, set) in before.owned where name != "c" {
            #expect(set.ranges.joined().allSatisfy { map.owner(of: $0) == name })
        }
        let cleared = map.apportion(["a": 0])
        #expect(cleared == 10_000 && map.owned.isEmpty)
    }

    @Test func `a change moves exactly what the losers lose, and ranges stay few`() {
        var mostRanges = 0
        for seed in 0..<60 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var map = BucketMap()
            for _ in 0..<60 {
                var parts: [String: Double] = [:]
                for name in ["a", "b", "c", "d", "e", "f"].prefix(Int.random(in: 1...6, using: &generator)) {
                    parts[name] = [0, 0.01, 0.3, 1, 2].randomElement(using: &generator)
                }
                let counts = Apportionment.counts(parts)
                let before = map
                let moved = map.apportion(counts)
                let total = counts.values.reduce(0, +)
                #expect(map.owned.mapValues(\.count) == counts.filter { $0.value > 0 })
                #expect(map.owned.values.reduce(0) { $0 + $1.count } == total)
                let losses = before.owned.reduce(0) { $0 + max(0, $1.value.count - (counts[$1.key] ?? 0)) }
                #expect(moved == losses)
                // The definition: how many keys have another owner now.
                #expect(changed(before, map) == losses)
                mostRanges = max(mostRanges, map.owned.values.map(\.ranges.count).max() ?? 0)
            }
        }
        #expect(mostRanges <= 8)
    }

    private func changed(_ before: BucketMap, _ after: BucketMap) -> Int {
        before.owned.reduce(0) { sum, owned in
            let kept = owned.value.ranges.reduce(0) { kept, range in
                kept
                    + (after.owned[owned.key]?.ranges ?? []).reduce(0) { $0 + $1.clamped(to: range).count }
            }
            return sum + owned.value.count - kept
        }
    }
}
