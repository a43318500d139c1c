/// How long a level of workers was not needed before it was needed again: a decayed histogram of 24 bins, each √3 times as
/// wide as the one before, from 2 s to about a week.
struct GapTimes: Sendable, Hashable, Codable {
    private static let binCount = 24
    private(set) var bins = Array(repeating: 0.0, count: Self.binCount)
    /// How many gaps it holds, decayed.
    private(set) var weight = 0.0

    /// Whether it has the bins of this version.
    var isWhole: Bool { bins.count == Self.binCount }

    private static let edges: [Double] = {
        var edges: [Double] = []
        var edge = 2.0
        for _ in 0..<binCount {
            edges.append(edge)
            edge *= 1.732_050_807_568_877_2
        }
        return edges
    }()

    /// Adds a gap of so many seconds after leaving `part` of what is known.
    mutating func record(_ gap: Double, keeping part: Double) {
        for index in bins.indices { bins[index] *= part }
        weight *= part
        let bin = Self.edges.firstIndex { gap < $0 } ?? Self.binCount - 1
        bins[bin] += 1
        weight += 1
    }

    /// How long to keep an idle level so that keeping and starting again cost least: argmin τ E[min(gap, τ) + price ·
    /// (gap > τ)].
    func bestTimeout(price: Double) -> Double {
        var best = 0.0
        var bestCost = weight * price
        var within = 0.0
        var kept = 0.0
        for (index, edge) in Self.edges.enumerated() {
            within += bins[index] * edge * (index == 0 ? 0.5 : 0.788_675)
            kept += bins[index]
            let cost = within + (weight - kept) * (edge + price)
            if cost < bestCost {
                bestCost = cost
                best = edge
            }
        }
        return best
    }
}
