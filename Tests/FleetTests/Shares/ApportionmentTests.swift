import Domain
import Fleet
import Testing

struct ApportionmentTests {
    private func parts(_ candidates: [ShareCandidate], _ strategy: ShareStrategy = .weighted) -> [String: Int] {
        Apportionment.parts(candidates, by: strategy).mapValues { Int(($0 * 1_000).rounded()) }
    }

    /// Thousandths for each strategy, with one deployment isolated, one ramping, one graded down.
    @Test(arguments: [
        (ShareStrategy.weighted, ["a": 667, "b": 333, "c": 0]), (.roundRobin, ["a": 500, "b": 500, "c": 0]),
        (.healthWeighted, ["a": 800, "b": 200, "c": 0]), (.fastest, ["a": 250, "b": 750, "c": 0]),
        (.priority, ["a": 0, "b": 1_000, "c": 0]), (.leastBusy, ["a": 667, "b": 333, "c": 0]),
    ])
    func `each strategy has its split`(strategy: ShareStrategy, expected: [String: Int]) {
        let candidates = [
            ShareCandidate("a", weight: 2, tier: 1, latency: .seconds(3)),
            ShareCandidate("b", weight: 1, tier: 0, score: 0.5, latency: .seconds(1)),
            ShareCandidate("c", weight: 9, tier: 0, fraction: 0, latency: .seconds(1)),
        ]
        #expect(parts(candidates, strategy) == expected)
    }

    @Test func `a grade lowers a weight`() {
        #expect(parts([.init("a", grade: 0.1), .init("b")]) == ["a": 91, "b": 909])
    }

    @Test(arguments: [ShareStrategy.weighted, .roundRobin, .healthWeighted, .fastest])
    func `one of two that is too slow gets too little to be the model's 95th percentile`(strategy: ShareStrategy) {
        let policy = HealthPolicy()
        let score = HealthScore(
            HealthReading(outcomes: .of(ok: 200, seconds: 10), latencyObjective: .seconds(1)), policy: policy)
        var grade = HealthGrade()
        grade.update(score.value, policy: policy)
        let slow = ShareCandidate("slow", grade: grade.weight, score: score.value, latency: .seconds(10))
        let split = parts([slow, .init("fast", latency: .seconds(1))], strategy)
        #expect((1..<50).contains(split["slow"] ?? 0))
    }

    @Test func `a ramp has its part of its share, the others the rest`() {
        let three = [ShareCandidate("a", weight: 60, fraction: 0.25), .init("b", weight: 30), .init("c", weight: 10)]
        #expect(parts(three) == ["a": 150, "b": 638, "c": 213])
        #expect(parts([.init("a", fraction: 0.01)]) == ["a": 1_000])
        #expect(parts([.init("a", fraction: 0.01), .init("b", fraction: 0.04)]) == ["a": 200, "b": 800])
    }

    @Test func `a lower tier takes what the upper one cannot`() {
        let tiers = [ShareCandidate("a", tier: 0, fraction: 0.05), .init("b", tier: 1), .init("c", tier: 2)]
        #expect(parts(tiers, .priority) == ["a": 50, "b": 950, "c": 0])
        #expect(parts([.init("a", tier: 0, fraction: 0), .init("b", tier: 1)], .priority) == ["a": 0, "b": 1_000])
    }

    @Test func `a rollout's pair shares one place`() {
        let pair = [
            ShareCandidate("new", stretch: 0..<0.05), .init("old", stretch: 0.05..<1), .init("other"),
        ]
        #expect(parts(pair) == ["new": 25, "old": 475, "other": 500])
        #expect(parts(pair, .roundRobin) == ["new": 25, "old": 475, "other": 500])
    }

    @Test func `whoever pulls may pull everything, but for ramps and rollouts`() {
        let sets = Apportionment.overlapping([
            .init("a"), .init("b", grade: 0.4), .init("c", fraction: 0.01), .init("d", fraction: 0),
        ])
        #expect(sets.mapValues(\.count) == ["a": 10_000, "b": 4_000, "c": 100, "d": 0])
        let pair = Apportionment.overlapping([.init("new", stretch: 0..<0.05), .init("old", stretch: 0.05..<1)])
        #expect(pair == ["new": BucketSet(0..<500), "old": BucketSet(500..<10_000)])
        let half = Apportionment.overlapping([
            .init("new", stretch: 0..<0.05), .init("old", fraction: 0, stretch: 0.05..<1),
        ])
        #expect(half == ["new": .all, "old": BucketSet()])
        #expect(Apportionment.overlapping([.init("a", fraction: 0.01)]) == ["a": .all])
    }

    @Test(arguments: ShareStrategy.allCases)
    func `who is to have no workers has no part while another can serve`(strategy: ShareStrategy) {
        let two = [ShareCandidate("a", latency: .seconds(1), isManned: false), .init("b", latency: .seconds(1))]
        #expect(parts(two, strategy) == ["a": 0, "b": 1_000])
        #expect(Apportionment.overlapping(two) == ["a": BucketSet(), "b": .all])
        // Nobody else can: then those who come back find work.
        let alone = [two[0], ShareCandidate("b", fraction: 0)]
        #expect(parts(alone, strategy) == ["a": 1_000, "b": 0])
        #expect(Apportionment.overlapping(alone) == ["a": .all, "b": BucketSet()])
    }

    @Test func `nobody in service gets nothing`() {
        #expect(parts([]).isEmpty && parts([.init("a", fraction: 0), .init("b", weight: 0)]) == ["a": 0, "b": 0])
        #expect(Apportionment.counts(["a": 0, "b": 0]) == ["a": 0, "b": 0])
        #expect(Apportionment.overlapping([.init("a", weight: 0)]) == ["a": BucketSet()])
    }

    @Test func `buckets go by the largest remainder`() {
        #expect(Apportionment.counts(["a": 1, "b": 1, "c": 1]) == ["a": 3_334, "b": 3_333, "c": 3_333])
        #expect(Apportionment.counts(["a": 1, "b": 1e-9]) == ["a": 9_999, "b": 1])
        #expect(Apportionment.counts(["a": 0.6, "b": 0.3, "c": 0.1]) == ["a": 6_000, "b": 3_000, "c": 1_000])
    }

    @Test func `random models keep the invariants`() {
        for seed in 0..<3_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let candidates = (0..<Int.random(in: 1...7, using: &generator)).map { index in
                ShareCandidate(
                    "d\(index)", weight: [0, 0.5, 1, 30].randomElement(using: &generator) ?? 1,
                    tier: Int.random(in: 0...2, using: &generator),
                    grade: [0, 0.1, 0.7, 1, 1].randomElement(using: &generator) ?? 1,
                    score: Double.random(in: 0.01...1, using: &generator),
                    fraction: [0, 0.01, 0.25, 1, 1].randomElement(using: &generator) ?? 1,
                    latency: Bool.random(using: &generator)
                        ? .seconds(Double.random(in: 0...9, using: &generator)) : nil,
                    isManned: Int.random(in: 0..<4, using: &generator) > 0)
            }
            let strategy = ShareStrategy.allCases.randomElement(using: &generator) ?? .weighted
            check(candidates, strategy)
        }
    }

    private func check(_ candidates: [ShareCandidate], _ strategy: ShareStrategy) {
        let parts = Apportionment.parts(candidates, by: strategy)
        let counts = Apportionment.counts(parts)
        let sum = parts.values.reduce(0, +)
        let isServed = candidates.contains(where: \.isInService)
        #expect((sum - (isServed ? 1 : 0)).magnitude < 1e-9)
        #expect(counts.values.reduce(0, +) == (isServed ? 10_000 : 0))
        #expect(parts.count == candidates.count && parts.values.allSatisfy { $0 >= 0 })
        let isManned = candidates.contains { $0.isInService && $0.isManned }
        let hasFree = candidates.contains {
            $0.isInService && $0.fraction == 1 && ($0.isManned || !isManned)
        }
        for candidate in candidates {
            let part = parts[candidate.deployment] ?? 0
            #expect(candidate.isInService && (candidate.isManned || !isManned) || part == 0)
            // While somebody is fully in service, no ramp exceeds its part of the whole.
            if hasFree, candidate.fraction < 1 { #expect(part <= candidate.fraction + 1e-9) }
            #expect(((counts[candidate.deployment] ?? 0) > 0) == (part > 0))
        }
        let sets = Apportionment.overlapping(candidates)
        var union = BucketSet()
        for set in sets.values { for range in set.ranges { union.insert(range) } }
        #expect(union == (isServed ? .all : BucketSet()))
    }
}
