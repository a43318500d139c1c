import Glibc

/// How long answers take.
struct MockLatency: Sendable {
    enum Distribution: String, CaseIterable, Sendable {
        case fixed, normal, lognormal
    }

    var distribution = Distribution.fixed
    var meanMilliseconds = 0.0
    var deviationMilliseconds = 0.0

    /// One latency, never negative and never beyond an hour; `draw` gives numbers in 0..<1.
    func drawn(_ draw: () -> Double) -> Duration {
        let milliseconds: Double
        switch distribution {
        case .fixed: milliseconds = meanMilliseconds
        case .normal: milliseconds = meanMilliseconds + deviationMilliseconds * Self.normal(draw)
        case .lognormal:
            guard meanMilliseconds > 0 else { return .zero }
            // The parameters under which the mean and the deviation are those that were asked for.
            let variance = log(
                1 + (deviationMilliseconds / meanMilliseconds) * (deviationMilliseconds / meanMilliseconds))
            milliseconds = exp(log(meanMilliseconds) - variance / 2 + variance.squareRoot() * Self.normal(draw))
        }
        return .microseconds(Int64(min(max(milliseconds, 0), 3_600_000) * 1_000))
    }

    /// Box and Muller's transform.
    private static func normal(_ draw: () -> Double) -> Double {
        (-2 * log(1 - draw())).squareRoot() * cos(2 * Double.pi * draw())
    }
}
