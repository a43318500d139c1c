/// How long things took, in bins whose width grows with the time, as in HdrHistogram (Tene): 16 bins between each time
/// and its double, from 1/1024 s to 4,096 s, so a quantile is off by at most 6.25%. Bounded, and two can be joined.
package struct LatencyHistogram: Sendable, Hashable {
    private static let binsPerDoubling = 16
    private static let lowestExponent = -10
    private static let doublings = 22
    /// How many bins there are.
    package static let binCount = binsPerDoubling * doublings

    /// The counts from bin `first` on, as far as anything was recorded.
    private(set) var bins: [Int] = []
    private(set) var first = 0
    /// How many times were recorded.
    package private(set) var count = 0

    /// No times.
    package init() {}

    /// The bin a time falls into, 0 to `binCount` - 1.
    package static func bin(of time: Duration) -> Int {
        let seconds = time.seconds
        guard seconds >= 1.0 / 1024 else { return 0 }
        guard seconds < 4096 else { return binCount - 1 }
        let within = Int((seconds.significand - 1) * Double(binsPerDoubling))
        return (Int(seconds.exponent) - lowestExponent) * binsPerDoubling + within
    }

    /// The longest time of a bin.
    package static func upperEdge(of bin: Int) -> Duration {
        let significand = 1 + Double(bin % binsPerDoubling + 1) / Double(binsPerDoubling)
        return .seconds(
            Double(sign: .plus, exponent: bin / binsPerDoubling + lowestExponent, significand: significand))
    }

    /// Adds `count` times of this length.
    package mutating func record(_ time: Duration, count: Int = 1) {
        guard count > 0 else { return }
        let bin = Self.bin(of: time)
        cover(bin...bin)
        bins[bin - first] += count
        self.count += count
    }

    /// Adds the times of another.
    package mutating func merge(_ other: LatencyHistogram) {
        guard other.count > 0 else { return }
        guard count > 0 else { return self = other }
        cover(other.first...(other.first + other.bins.count - 1))
        for (index, count) in other.bins.enumerated() { bins[other.first - first + index] += count }
        count += other.count
    }

    private mutating func cover(_ range: ClosedRange<Int>) {
        if bins.isEmpty { first = range.lowerBound }
        if range.lowerBound < first {
            bins.insert(contentsOf: repeatElement(0, count: first - range.lowerBound), at: 0)
            first = range.lowerBound
        }
        let missing = range.upperBound - (first + bins.count - 1)
        if missing > 0 { bins.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// Their mean, to within 3.2%: as if each had been in the middle of its bin. Nil when there are none.
    package var mean: Duration? {
        guard count > 0 else { return nil }
        let sum = bins.enumerated().reduce(0.0) { sum, bin in
            guard bin.element > 0 else { return sum }
            let index = first + bin.offset
            let lower = index > 0 ? Self.upperEdge(of: index - 1).seconds : 0
            return sum + Double(bin.element) * (lower + Self.upperEdge(of: index).seconds) / 2
        }
        return .seconds(sum / Double(count))
    }

    /// The time that a `share` (0 to 1) of all did not exceed, as the upper edge of its bin: up to 6.25% more than the
    /// truth, never less. Nil when there are none.
    package func quantile(_ share: Double) -> Duration? {
        guard count > 0 else { return nil }
        let rank = max(1, Int((Double(count) * share).rounded(.up)))
        var seen = 0
        for (index, count) in bins.enumerated() {
            seen += count
            if seen >= rank { return Self.upperEdge(of: first + index) }
        }
        return Self.upperEdge(of: Self.binCount - 1)
    }

    /// How many took longer than `limit`, not counting those in the limit's own bin.
    package func count(above limit: Duration) -> Int {
        bins.dropFirst(max(0, Self.bin(of: limit) + 1 - first)).reduce(0, +)
    }
}
