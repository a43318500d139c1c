/// Splits a model's traffic.
package enum Apportionment {
    /// What may be exceeded when otherwise traffic would have no one to go to, in this order.
    private enum Strictness: CaseIterable {
        /// Ramps hold.
        case full
        /// Nobody else is left: whatever is in service takes all.
        case none
    }

    /// The part of the traffic for each candidate in service, 0 to 1; they sum to 1, or are all 0 when nobody is.
    ///
    /// A fraction below 1 (a ramp) holds as long as somebody else can take the rest. `leastBusy` is split
    /// like `weighted` here; see `buckets`.
    package static func parts(_ candidates: [ShareCandidate], by strategy: ShareStrategy) -> [String: Double] {
        let known = candidates.compactMap(\.latency).filter { $0 > .zero }.sorted()
        let usual = known.isEmpty ? Duration.seconds(1) : known[known.count / 2]
        func base(_ candidate: ShareCandidate) -> Double {
            switch strategy {
            case .weighted, .leastBusy, .priority: candidate.weight * candidate.grade
            case .roundRobin: candidate.grade
            case .healthWeighted: candidate.weight * candidate.grade * candidate.score
            // Who has not answered yet is taken to be as fast as most.
            case .fastest: candidate.grade / max(0.000_001, (candidate.latency ?? usual).seconds)
            }
        }
        let claims = serving(candidates)
            .map { Claim(candidate: $0, base: base($0) * ($0.stretch.upperBound - $0.stretch.lowerBound)) }
            .filter { $0.base > 0 }
        let tiers =
            strategy == .priority
            ? Dictionary(grouping: claims, by: \.candidate.tier).sorted { $0.key < $1.key }.map(\.value) : [claims]
        var result = Dictionary(candidates.map { ($0.deployment, 0.0) }) { $1 }
        guard !claims.isEmpty else { return result }
        for strictness in Strictness.allCases {
            var left = 1.0
            for tier in tiers {
                let parts = fill(tier, with: left, strictness)
                for (claim, part) in zip(tier, parts) { result[claim.candidate.deployment] = part }
                left -= parts.reduce(0, +)
            }
            if left < 1e-9 { break }
        }
        return result
    }

    /// Whole buckets for parts that sum to 1: by the largest remainder (Hamilton), so each is off by less than one
    /// bucket; who has any part at all gets at least one. All 0 for parts that are all 0.
    package static func counts(_ parts: [String: Double]) -> [String: Int] {
        let total = parts.values.reduce(0, +)
        guard total > 0 else { return parts.mapValues { _ in 0 } }
        let exact = parts.mapValues { $0 / total * Double(BucketSet.bucketCount) }
        var counts = exact.mapValues { $0 > 0 ? max(1, Int($0)) : 0 }
        var missing = BucketSet.bucketCount - counts.values.reduce(0, +)
        let order = exact.filter { $0.value > 0 }.sorted {
            ($1.value - $1.value.rounded(.down), $0.key) < ($0.value - $0.value.rounded(.down), $1.key)
        }
        for (name, _) in order where missing > 0 {
            counts[name, default: 0] += 1
            missing -= 1
        }
        while missing < 0, let largest = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key {
            counts[largest, default: 0] -= 1
            missing += 1
        }
        return counts
    }

    /// The buckets each may claim when whoever has a free slot takes the next job: all of them, and for who is on a
    /// ramp so many that no more than its part can come to it; the two versions of a rollout have none in common.
    /// Together they hold every bucket when anybody is in service.
    package static func overlapping(_ candidates: [ShareCandidate]) -> [String: BucketSet] {
        let serving = serving(candidates)
        let most = serving.map { $0.fraction * $0.grade }.max() ?? 0
        var result = Dictionary(candidates.map { ($0.deployment, BucketSet()) }) { $1 }
        var union = BucketSet()
        for candidate in serving {
            let width = Double(BucketSet.bucketCount)
            let start = Int((candidate.stretch.lowerBound * width).rounded())
            let end = Int((candidate.stretch.upperBound * width).rounded())
            let count = Double(end - start) * candidate.fraction * candidate.grade / most
            let range = start..<min(end, start + Int(count.rounded(.up)))
            result[candidate.deployment] = BucketSet(range)
            union.insert(range)
        }
        // The other half of a pair is out, and nobody has everything.
        if !union.isEmpty, union != .all {
            for candidate in serving { result[candidate.deployment] = .all }
        }
        return result
    }

    /// Those in service. Jobs wait for nobody who is not to come: who is not manned counts only when nobody is.
    private static func serving(_ candidates: [ShareCandidate]) -> [ShareCandidate] {
        let all = candidates.filter(\.isInService)
        let manned = all.filter(\.isManned)
        return manned.isEmpty ? all : manned
    }

    private struct Claim {
        let candidate: ShareCandidate
        let base: Double
    }

    /// Pours `amount` over the claims by their base, none above its bound: who is full is left out, and the rest poured
    /// again.
    private static func fill(_ claims: [Claim], with amount: Double, _ strictness: Strictness) -> [Double] {
        let total = claims.reduce(0) { $0 + $1.base }
        let bounds = claims.map { claim -> Double in
            guard strictness == .full, claim.candidate.fraction < 1 else { return .infinity }
            return claim.candidate.fraction * amount * claim.base / total
        }
        // With nobody to take the rest, ramps keep their proportions.
        let bases = claims.map { strictness == .none ? $0.base * $0.candidate.fraction : $0.base }
        var parts = Array(repeating: 0.0, count: claims.count)
        var open = Array(claims.indices)
        var left = amount
        while !open.isEmpty, left > 1e-12 {
            let weight = open.reduce(0) { $0 + bases[$1] }
            let full = open.filter { left * bases[$0] / weight > bounds[$0] }
            if full.isEmpty {
                for index in open { parts[index] = left * bases[index] / weight }
                return parts
            }
            for index in full {
                parts[index] = bounds[index]
                left -= bounds[index]
            }
            open.removeAll(where: full.contains)
        }
        return parts
    }
}
