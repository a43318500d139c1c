/// Which deployment owns which of a model's buckets, so that every bucket has one owner.
///
/// A change moves as few buckets as there are differences: a deployment that loses x% keeps all its others, so a sticky
/// affinity moves for at most x% of the keys. Buckets are taken where the ranges of both meet, or as whole small
/// ranges, before a range is cut: claims are the slower the more ranges a share has.
package struct BucketMap: Sendable, Hashable {
    /// The buckets of each deployment that has any.
    package private(set) var owned: [String: BucketSet]

    /// A map without owners.
    package init() { owned = [:] }

    /// The map SQL holds. Where two sets overlap the first name keeps the buckets; buckets of nobody stay free.
    package init(owned sets: [String: BucketSet]) {
        var owners: [String?] = Array(repeating: nil, count: BucketSet.bucketCount)
        for (name, set) in sets.sorted(by: { $0.key < $1.key }) {
            for range in set.ranges {
                for bucket in range where owners[bucket] == nil { owners[bucket] = name }
            }
        }
        owned = [:]
        var start = 0
        for bucket in 1...owners.count where bucket == owners.count || owners[bucket] != owners[start] {
            if let name = owners[start] { owned[name, default: BucketSet()].insert(start..<bucket) }
            start = bucket
        }
    }

    /// The owner of a bucket.
    package func owner(of bucket: Int) -> String? { owned.first { $0.value.contains(bucket) }?.key }

    /// Gives each deployment so many buckets, and those not named none.
    ///
    /// - Returns: how many buckets changed their owner, those that had none left out: exactly what the losers lose.
    /// - Precondition: the counts are not negative and sum to 10,000, or to 0.
    @discardableResult
    package mutating func apportion(_ counts: [String: Int]) -> Int {
        let total = counts.values.reduce(0, +)
        precondition(total == BucketSet.bucketCount || total == 0 && counts.values.allSatisfy { $0 == 0 })
        var layout = Layout(owned, counts: counts)
        layout.run()
        owned = layout.owned
        return layout.moved
    }
}

extension BucketMap {
    /// The buckets as a line of segments, on the way from one apportionment to the next.
    private struct Layout {
        struct Segment {
            var range: Range<Int>
            /// Nil: nobody's.
            var owner: String?
        }

        var segments: [Segment] = []
        /// How many buckets each has too many (more than 0) or too few.
        var surplus: [String?: Int] = [:]
        var moved = 0

        init(_ owned: [String: BucketSet], counts: [String: Int]) {
            var ranges = owned.flatMap { name, set in set.ranges.map { Segment(range: $0, owner: name) } }
            ranges.sort { $0.range.lowerBound < $1.range.lowerBound }
            var end = 0
            for segment in ranges {
                if segment.range.lowerBound > end {
                    segments.append(Segment(range: end..<segment.range.lowerBound, owner: nil))
                }
                segments.append(segment)
                end = segment.range.upperBound
            }
            if end < BucketSet.bucketCount {
                segments.append(Segment(range: end..<BucketSet.bucketCount, owner: nil))
            }
            for segment in segments { surplus[segment.owner, default: 0] += segment.range.count }
            // With nobody to give to, what is lost belongs to nobody.
            let isEmpty = counts.values.allSatisfy { $0 == 0 }
            surplus[nil, default: 0] -= isEmpty ? BucketSet.bucketCount : 0
            for (name, count) in counts { surplus[name, default: 0] -= count }
        }

        var owned: [String: BucketSet] {
            segments.reduce(into: [:]) { sets, segment in
                if let owner = segment.owner { sets[owner, default: BucketSet()].insert(segment.range) }
            }
        }

        /// Each move ends a surplus, a need or a segment, so there is an end to it.
        mutating func run() {
            while let (index, receiver, amount, isAtLowerEnd) = nextMove() {
                move(index, to: receiver, amount, isAtLowerEnd: isAtLowerEnd)
            }
        }

        private func nextMove() -> (index: Int, receiver: String?, amount: Int, isAtLowerEnd: Bool)? {
            var best: (index: Int, receiver: String?, amount: Int, isAtLowerEnd: Bool)?
            var bestRank = (0, 0, 0)
            let needs = surplus.filter { $0.value < 0 }
            guard let neediest = needs.min(by: { ($0.value, $0.key ?? "") < ($1.value, $1.key ?? "") }) else {
                return nil
            }
            for (index, segment) in segments.enumerated() {
                guard let spare = surplus[segment.owner], spare > 0 else { continue }
                func consider(_ receiver: String?, need: Int, isNeighbour: Bool, isAtLowerEnd: Bool) {
                    let amount = min(segment.range.count, spare, need)
                    let isWhole = amount == segment.range.count
                    // A whole segment beside its receiver disappears; a border that shifts costs nothing; a whole
                    // segment changes hands; only a cut makes one more. Of those alike, the small whole and the large
                    // part.
                    let rank = (
                        isNeighbour ? (isWhole ? 4 : 3) : (isWhole ? 2 : 1), isWhole ? -amount : amount, -index
                    )
                    guard best == nil || rank > bestRank else { return }
                    best = (index, receiver, amount, isAtLowerEnd)
                    bestRank = rank
                }
                if index > 0, let need = needs[segments[index - 1].owner] {
                    consider(segments[index - 1].owner, need: -need, isNeighbour: true, isAtLowerEnd: true)
                }
                if index + 1 < segments.count, let need = needs[segments[index + 1].owner] {
                    consider(segments[index + 1].owner, need: -need, isNeighbour: true, isAtLowerEnd: false)
                }
                consider(neediest.key, need: -neediest.value, isNeighbour: false, isAtLowerEnd: false)
            }
            return best
        }

        private mutating func move(_ index: Int, to receiver: String?, _ amount: Int, isAtLowerEnd: Bool) {
            let segment = segments[index]
            let range = segment.range
            let border = isAtLowerEnd ? range.lowerBound + amount : range.upperBound - amount
            let taken = isAtLowerEnd ? range.lowerBound..<border : border..<range.upperBound
            let rest = isAtLowerEnd ? border..<range.upperBound : range.lowerBound..<border
            surplus[segment.owner, default: 0] -= amount
            surplus[receiver, default: 0] += amount
            if segment.owner != nil { moved += amount }
            let parts = [Segment(range: taken, owner: receiver), Segment(range: rest, owner: segment.owner)]
            segments.replaceSubrange(
                index...index, with: (isAtLowerEnd ? parts : parts.reversed()).filter { !$0.range.isEmpty })
            join()
        }

        private mutating func join() {
            segments = segments.reduce(into: []) { joined, segment in
                if let last = joined.last, last.owner == segment.owner {
                    joined[joined.count - 1].range = last.range.lowerBound..<segment.range.upperBound
                } else {
                    joined.append(segment)
                }
            }
        }
    }
}
