import Fleet
import Testing

struct PanicFloorTests {
    private func candidate(
        _ name: String, _ fraction: Double, score: Double = 1, capacity: Double = 1, isExcluded: Bool = false
    ) -> PanicFloor.Candidate {
        .init(deployment: name, capacity: capacity, fraction: fraction, score: score, isExcluded: isExcluded)
    }

    @Test func `half of the capacity stays in service`() {
        let floor = PanicFloor()
        #expect(floor.kept([]).isEmpty)
        #expect(floor.kept([candidate("a", 0), candidate("b", 1)]).isEmpty)
        #expect(floor.kept([candidate("a", 0)]) == ["a"])
        #expect(floor.kept([candidate("a", 0, score: 0.5), candidate("b", 0, score: 0.2)]) == ["a"])
        #expect(floor.kept([candidate("a", 0, capacity: 3), candidate("b", 1)]) == ["a"])
        #expect(floor.kept([candidate("a", 0), candidate("b", 0), candidate("c", 1)]) == ["a"])
        #expect(PanicFloor(floor: 0).kept([candidate("a", 0)]).isEmpty)
        #expect(PanicFloor(floor: 1).kept([candidate("a", 0), candidate("b", 1)]) == ["a"])
    }

    @Test func `who is kept stays kept`() {
        let sick = [candidate("a", 0, score: 0.2), candidate("b", 0, score: 0.5)]
        #expect(PanicFloor().kept(sick) == ["b"])
        #expect(PanicFloor().kept(sick, previously: ["a"]) == ["a"])
    }

    @Test func `an operator is obeyed`() {
        #expect(PanicFloor().kept([candidate("a", 0, isExcluded: true)]).isEmpty)
        #expect(PanicFloor().kept([candidate("a", 0, isExcluded: true), candidate("b", 0)]) == ["b"])
    }

    @Test func `nothing is isolated below the floor, and no more kept than it takes`() {
        for seed in 0..<4_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let floor = Double.random(in: 0...1, using: &generator)
            let candidates = (0..<Int.random(in: 1...8, using: &generator)).map { index in
                candidate(
                    "d\(index)", [0, 0, 0.05, 0.5, 1].randomElement(using: &generator) ?? 0,
                    score: Double.random(in: 0...1, using: &generator),
                    capacity: Double.random(in: 0.1...10, using: &generator),
                    isExcluded: Int.random(in: 0..<5, using: &generator) == 0)
            }
            let kept = PanicFloor(floor: floor).kept(candidates)
            let available = candidates.filter { !$0.isExcluded }
            let total = available.reduce(0) { $0 + $1.capacity }
            let out = available.filter { $0.fraction == 0 && !kept.contains($0.deployment) }
            let serving = available.reduce(0) {
                $0 + $1.capacity * (kept.contains($1.deployment) ? 1 : $1.fraction)
            }
            #expect(out.isEmpty || serving >= floor * total - 1e-6)
            #expect(available.filter { kept.contains($0.deployment) }.allSatisfy { $0.fraction == 0 })
            #expect(kept.isSubset(of: available.map(\.deployment)))
            // Without the largest of the kept it would be too little.
            if let largest = available.filter({ kept.contains($0.deployment) }).map(\.capacity).max() {
                #expect(serving - largest < floor * total)
            }
        }
    }
}
