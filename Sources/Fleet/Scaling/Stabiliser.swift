/// The most, or the least, of what was asked for in the last while: a number that must last before it is followed.
struct Stabiliser: Sendable {
    private var kept: [(time: Double, count: Int)] = []

    /// The most of the last `seconds`; what is asked for now included.
    mutating func most(_ count: Int, at now: Double, seconds: Double) -> Int {
        extreme(count, at: now, seconds: seconds) { $0 <= $1 }
    }

    /// The least of the last `seconds`.
    mutating func least(_ count: Int, at now: Double, seconds: Double) -> Int {
        extreme(count, at: now, seconds: seconds) { $0 >= $1 }
    }

    /// Only those that can still be the extreme are kept, so there are never more than there are counts.
    private mutating func extreme(
        _ count: Int, at now: Double, seconds: Double, isCovered: (Int, Int) -> Bool
    ) -> Int {
        guard seconds > 0 else { return count }
        while let last = kept.last, isCovered(last.count, count) { kept.removeLast() }
        kept.append((now, count))
        while kept.count > 1, kept[0].time < now - seconds { kept.removeFirst() }
        return kept[0].count
    }
}
