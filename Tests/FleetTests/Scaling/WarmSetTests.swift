import Fleet
import Testing

struct WarmSetTests {
    private func candidate(_ name: String, _ rate: Double, _ load: Double, _ memory: Int, isWarm: Bool = false)
        -> WarmSet.Candidate
    {
        .init(deployment: name, rate: rate, loadTime: load, memory: memory, isWarm: isWarm)
    }

    @Test func `what saves most waiting for its memory stays`() {
        let all = [candidate("often", 1, 10, 10), candidate("slow", 0.1, 300, 20), candidate("rare", 0.01, 10, 10)]
        #expect(WarmSet.choose(all, free: [30]) == ["often", "slow"])
        #expect(WarmSet.choose(all, free: [20]) == ["slow"])
        #expect(WarmSet.choose(all, free: [10, 20]) == ["often", "slow"])
        #expect(WarmSet.choose(all, free: []) == [])
    }

    @Test func `what never comes, or loads at once, is worth nothing`() {
        let all = [candidate("never", 0, 100, 1), candidate("quick", 5, 0, 1)]
        #expect(WarmSet.choose(all, free: [100]) == [])
    }

    @Test func `two of about the same worth do not take turns`() {
        let one = [candidate("a", 1, 10, 10, isWarm: true), candidate("b", 1.1, 10, 10)]
        #expect(WarmSet.choose(one, free: [10]) == ["a"])
        let other = [candidate("a", 1, 10, 10), candidate("b", 1.1, 10, 10)]
        #expect(WarmSet.choose(other, free: [10]) == ["b"])
    }

    @Test(arguments: 0..<200) func `no host holds more than it has, and half of the best is reached`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let all = (0..<8).map {
            candidate(
                "d\($0)", .random(in: 0...2, using: &generator), .random(in: 0...100, using: &generator),
                .random(in: 1...40, using: &generator))
        }
        let free = 100
        let chosen = WarmSet.choose(all, free: [free])
        let byName = Dictionary(all.map { ($0.deployment, $0) }) { $1 }
        #expect(chosen.reduce(0) { $0 + (byName[$1]?.memory ?? 0) } <= free)
        func value(_ names: some Sequence<String>) -> Double {
            names.reduce(0) { $0 + (byName[$1].map { $0.rate * $0.loadTime } ?? 0) }
        }
        var best = 0.0
        for set in 0..<(1 << all.count) {
            let members = all.indices.filter { set & 1 << $0 != 0 }.map { all[$0] }
            if members.reduce(0, { $0 + $1.memory }) <= free { best = max(best, value(members.map(\.deployment))) }
        }
        #expect(value(chosen) >= best / 2)
    }
}
