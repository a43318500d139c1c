/// Counts what happened in the last minute, in slices of a second, so that a limit per minute holds for any minute, not
/// only for those of the clock. What is in a slice is forgotten 61 seconds after the slice began: never too soon.
package struct MinuteMeter: Sendable, Hashable {
    private struct Slice: Sendable, Hashable {
        let second: Int
        var amount: Int
    }

    private static let slices = 61
    private var held: [Slice] = []

    /// Nothing happened.
    package init() {}

    /// How much there was in the minute before `now`, and at most a second more.
    package func total(at now: Duration) -> Int {
        held.reduce(0) { $1.second > second(now) - Self.slices ? $0 + $1.amount : $0 }
    }

    /// Adds an amount, or takes back part of one that turned out smaller.
    package mutating func record(_ amount: Int, at now: Duration) {
        let second = second(now)
        held.removeAll { $0.second <= second - Self.slices }
        if held.last?.second == second {
            held[held.count - 1].amount += amount
        } else {
            held.append(Slice(second: second, amount: amount))
        }
    }

    /// How long until `amount` more fit below `limit`; zero when they do now. More than the limit itself fits when
    /// there is nothing else: it would never be served otherwise.
    package func wait(for amount: Int, limit: Int, at now: Duration) -> Duration {
        let second = second(now)
        var total = total(at: now)
        for slice in held where slice.second > second - Self.slices {
            if total <= 0 || total + amount <= limit { break }
            total -= slice.amount
            if total <= 0 || total + amount <= limit { return .seconds(slice.second + Self.slices) - now }
        }
        return .zero
    }

    private func second(_ now: Duration) -> Int { Int(now.components.seconds) }
}
