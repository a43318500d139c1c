/// Hash buckets a deployment may claim: ranges of 0..<10,000, as the column `share` of `sluice.deployment` holds them.
package struct BucketSet: Sendable, Hashable {
    /// How many buckets a model has.
    package static let bucketCount = 10_000
    /// All of them.
    package static let all = BucketSet(0..<bucketCount)

    /// The buckets, as rising ranges that neither overlap nor touch.
    package private(set) var ranges: [Range<Int>] = []

    /// No buckets.
    package init() {}

    /// The buckets of a range; those that do not exist are left out.
    package init(_ range: Range<Int>) {
        let range = range.clamped(to: 0..<Self.bucketCount)
        if !range.isEmpty { ranges = [range] }
    }

    /// How many there are.
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }
    /// Whether there are none.
    package var isEmpty: Bool { ranges.isEmpty }

    /// Whether this bucket is among them.
    package func contains(_ bucket: Int) -> Bool { ranges.contains { $0.contains(bucket) } }

    /// Whether no bucket is in both.
    package func isDisjoint(with other: BucketSet) -> Bool {
        ranges.allSatisfy { range in other.ranges.allSatisfy { !$0.overlaps(range) } }
    }

    /// Adds the buckets of a range.
    package mutating func insert(_ range: Range<Int>) {
        let range = range.clamped(to: 0..<Self.bucketCount)
        guard !range.isEmpty else { return }
        let touching = ranges.filter { $0.lowerBound <= range.upperBound && range.lowerBound <= $0.upperBound }
        let lower = min(range.lowerBound, touching.first?.lowerBound ?? range.lowerBound)
        let upper = max(range.upperBound, touching.last?.upperBound ?? range.upperBound)
        ranges.removeAll { touching.contains($0) }
        ranges.insert(lower..<upper, at: ranges.firstIndex { $0.lowerBound > lower } ?? ranges.endIndex)
    }
}

extension BucketSet {
    /// The set as PostgreSQL writes an `int4multirange`: "{[0,2500),[7500,10000)}".
    package var multirange: String {
        "{" + ranges.map { "[\($0.lowerBound),\($0.upperBound))" }.joined(separator: ",") + "}"
    }

    /// The set PostgreSQL wrote, in its canonical form; nil when it is anything else, or not within 0..<10,000.
    package init?(multirange text: String) {
        if text == "{}" { return }
        guard text.hasPrefix("{"), text.hasSuffix(")}") else { return nil }
        let body = text.dropFirst().dropLast(2)
        for part in body.split(separator: "),", omittingEmptySubsequences: false) {
            let bounds = part.dropFirst().split(separator: ",", omittingEmptySubsequences: false)
            guard part.hasPrefix("["), bounds.count == 2, let lower = Int(bounds[0]), let upper = Int(bounds[1]),
                lower >= ranges.last?.upperBound ?? 0, lower < upper, upper <= Self.bucketCount
            else { return nil }
            insert(lower..<upper)
        }
    }
}
