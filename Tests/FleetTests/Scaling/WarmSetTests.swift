import Fleet
import Testing

struct WarmSetTests {
    private func candidate(
        _ name: String, _ rate: Double, _ load: Double, _ memory: Int, hosts: Set<String> = ["h0", "h1"],
        isWarm: Bool = false
    ) -> WarmSet.Candidate {
        .init(deployment: name, rate: rate, loadTime: load, memory: memory, hosts: hosts, isWarm: isWarm)
    }

    /// Hosts h0, h1, … with so much that is free.
    private func choose(_ candidates: [WarmSet.Candidate], free: [Int]) -> Set<String> {
        WarmSet.choose(
            candidates, hosts: free.enumerated().map { .init(name: "h\($0)", memory: $1, used: 0) }, slots: [])
    }

    private func slot(
        _ id: Int64, _ deployment: String, _ memory: Int, on host: String? = nil, of hosts: Set<String> = ["h0", "h1"],
        isGivingUp: Bool = false
    ) -> Placement.Slot {
        .init(
            id: id, deployment: deployment, memory: memory, priority: -5, hosts: hosts, host: host,
            isGivingUp: isGivingUp)
    }

    @Test func `what saves most waiting for its memory stays`() {
        let all = [candidate("often", 1, 10, 10), candidate("slow", 0.1, 300, 20), candidate("rare", 0.01, 10, 10)]
        #expect(choose(all, free: [30]) == ["often", "slow"])
        #expect(choose(all, free: [20]) == ["slow"])
        #expect(choose(all, free: [10, 20]) == ["often", "slow"])
        #expect(choose(all, free: []) == [])
    }

    @Test func `what never comes, or loads at once, is worth nothing`() {
        let all = [candidate("never", 0, 100, 1), candidate("quick", 5, 0, 1)]
        #expect(choose(all, free: [100]) == [])
    }

    @Test func `two of about the same worth do not take turns`() {
        let one = [candidate("a", 1, 10, 10, isWarm: true), candidate("b", 1.1, 10, 10)]
        #expect(choose(one, free: [10]) == ["a"])
        let other = [candidate("a", 1, 10, 10), candidate("b", 1.1, 10, 10)]
        #expect(choose(other, free: [10]) == ["b"])
    }

    @Test func `a worker that waits for a host comes first, whatever its priority`() {
        let warm = [candidate("warm", 1, 10, 60, isWarm: true)]
        func chosen(_ hosts: [Placement.Host], _ slots: [Placement.Slot]) -> Bool {
            WarmSet.choose(warm, hosts: hosts, slots: slots) == ["warm"]
        }
        let full: [Placement.Host] = [.init(name: "h0", memory: 100, used: 60)]
        let own = slot(1, "warm", 60, on: "h0")
        #expect(chosen(full, [own]), "its own memory is not in its way")
        #expect(chosen(full, [own, slot(2, "busy", 40)]), "both fit")
        #expect(!chosen(full, [own, slot(2, "busy", 50)]), "somebody has work for it")
        #expect(!chosen(full, [own, slot(2, "busy", 30), slot(3, "busy", 30)]))
        #expect(chosen(full, [own, slot(2, "busy", 200)]), "it would not help")
        #expect(chosen(full, [own, slot(2, "busy", 50, of: ["h1"])]), "it may not have that host")
        #expect(chosen(full, [own, slot(2, "warm", 60)]), "that is its own, too")
        // Where there is room elsewhere nobody has to give way.
        let two = full + [.init(name: "h1", memory: 50, used: 0)]
        #expect(chosen(two, [own, slot(2, "busy", 50)]))
        // A worker cannot move: room elsewhere is of no use to the one that is in the way here.
        let wide = full + [.init(name: "h1", memory: 200, used: 0)]
        #expect(!chosen(wide, [own, slot(2, "busy", 50, of: ["h0"])]))
        #expect(chosen(wide, [slot(1, "warm", 60, on: "h0", isGivingUp: true), slot(2, "busy", 50, of: ["h0"])]))
        // What ends soon is as good as free.
        #expect(
            chosen(
                [.init(name: "h0", memory: 100, used: 100)],
                [own, slot(2, "busy", 40), slot(3, "x", 40, on: "h0", isGivingUp: true)]))
    }

    @Test func `labels of hosts are obeyed, and memory that is not counted is not free`() {
        let labelled = [candidate("labelled", 1, 10, 10, hosts: ["h1"])]
        #expect(choose(labelled, free: [100]) == [])
        #expect(choose(labelled, free: [100, 5]) == [])
        #expect(choose(labelled, free: [5, 10]) == ["labelled"])
        let uncounted: [Placement.Host] = [.init(name: "h1", memory: nil, used: 0)]
        #expect(WarmSet.choose(labelled, hosts: uncounted, slots: []) == [])
    }

    @Test(arguments: 0..<200) func `no host holds more than it has, and half of the best is reached`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let all = (0..<8).map {
            candidate(
                "d\($0)", .random(in: 0...2, using: &generator), .random(in: 0...100, using: &generator),
                .random(in: 1...40, using: &generator))
        }
        let free = 100
        let chosen = choose(all, free: [free])
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
