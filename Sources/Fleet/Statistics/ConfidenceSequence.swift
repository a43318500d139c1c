/// Confidence intervals for a mean or a difference of means that hold at all times at once: look every day, stop when
/// you like, and the truth was ever outside with a probability of at most `alpha`.
///
/// The normal mixture of Robbins ("Statistical Methods Related to the Law of the Iterated Logarithm", 1970), which is
/// the mixture sequential probability ratio test of Johari et al. ("Always Valid Inference", 2022) turned into an
/// interval; with estimated variances it holds asymptotically (Waudby-Smith et al., "Time-uniform central limit theory
/// and asymptotic confidence sequences", 2024), so figures of few observations are not for it. Howard et al.
/// ("Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021) compare its kin.
package struct ConfidenceSequence: Sendable, Hashable {
    /// How often the truth may ever be outside, 0 to 1.
    package let alpha: Double
    /// The number of observations for which the interval is made as narrow as it can be.
    package let target: Int

    /// Intervals of this error, the narrowest around `target` observations.
    package init(alpha: Double = 0.05, target: Int = 1_000) {
        self.alpha = min(max(alpha, 1e-9), 0.5)
        self.target = max(2, target)
    }

    /// Half the width of the interval.
    ///
    /// - Parameters:
    ///   - variance: of the estimate now, not of an observation.
    ///   - targetVariance: what it will be at `target` observations.
    package func halfWidth(variance: Double, targetVariance: Double) -> Double {
        guard variance > 0, targetVariance > 0 else { return variance == 0 ? 0 : .infinity }
        // The variance of the mixture for which the bound is the tightest at the target (Waudby-Smith et al., B.2).
        let logarithm = -2 * alpha.logarithm
        let mixture = targetVariance * (logarithm + (logarithm + 1).logarithm)
        let sum = variance + mixture
        return (variance * sum / mixture * (logarithm + (sum / variance).logarithm)).squareRoot()
    }
}
