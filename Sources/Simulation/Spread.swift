import Fleet

/// How times are distributed: always the same, or lognormal, as run and start times of services mostly are.
package struct Spread: Sendable, Hashable {
    /// The median, in seconds.
    package var median: Double
    /// The standard deviation of the logarithm; 0: always the median.
    package var sigma: Double

    /// A distribution.
    package init(median: Double, sigma: Double = 0) {
        self.median = median
        self.sigma = sigma
    }

    /// The distribution with this mean.
    package init(mean: Double, sigma: Double) {
        self.init(median: mean / (sigma * sigma / 2).exponential, sigma: sigma)
    }

    /// The mean, in seconds.
    package var mean: Double { median * (sigma * sigma / 2).exponential }

    func sample(_ numbers: inout SeededNumbers) -> Double {
        sigma == 0 ? median : median * (sigma * numbers.normal()).exponential
    }
}
