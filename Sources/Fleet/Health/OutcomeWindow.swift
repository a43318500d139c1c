/// The outcomes of the last minute, or another time, in slices: the oldest is forgotten as a whole, so what is looked
/// at is between eleven twelfths of the window and all of it.
package struct OutcomeWindow: Sendable, Hashable {
    private static let sliceCount = 12

    private struct Slice: Sendable, Hashable {
        let number: Int
        var summary: OutcomeSummary
    }

    private let length: Duration
    private var slices: [Slice] = []
    /// All slices but the newest, added up once per slice and not at every look.
    private var older = OutcomeSummary()

    /// An empty window of `length`, at least a second.
    package init(length: Duration) { self.length = max(.seconds(1), length) }

    /// Adds outcomes that became known at `now`.
    package mutating func record(_ summary: OutcomeSummary, at now: Duration) {
        let number = self.number(at: now)
        if slices.last?.number == number { return slices[slices.count - 1].summary.append(summary) }
        slices.removeAll { $0.number <= number - Self.sliceCount }
        older = sum(after: number - Self.sliceCount)
        slices.append(Slice(number: number, summary: summary))
    }

    /// All outcomes the window holds at `now`.
    package func total(at now: Duration) -> OutcomeSummary {
        let number = self.number(at: now)
        guard let newest = slices.last, newest.number == number else { return sum(after: number - Self.sliceCount) }
        var total = older
        total.append(newest.summary)
        return total
    }

    /// Forgets everything: what happened before an isolation says nothing of the time after it.
    package mutating func forget() {
        slices = []
        older = OutcomeSummary()
    }

    private func sum(after number: Int) -> OutcomeSummary {
        slices.reduce(into: OutcomeSummary()) { total, slice in
            if slice.number > number { total.append(slice.summary) }
        }
    }

    private func number(at now: Duration) -> Int { Int((now / (length / Self.sliceCount)).rounded(.down)) }
}
