/// A metric of an arm beside the control's.
package struct Comparison: Sendable, Hashable {
    /// The metric.
    package let metric: Metric
    /// The control's mean.
    package let control: Double
    /// The arm's mean.
    package let arm: Double
    /// The units it was measured on, the fewer of both.
    package let sample: Int
    /// Where arm less control lies, at whatever time one looks; infinite while there are too few units.
    package let interval: ClosedRange<Double>

    /// Compares the two; nil when either has nothing.
    ///
    /// - Parameters:
    ///   - alpha: how often the interval may ever miss the truth.
    ///   - plan: its sample sizes.
    package init?(_ metric: Metric, arm: Moments, control: Moments, alpha: Double, plan: ExperimentPlan) {
        guard arm.count > 0, control.count > 0 else { return nil }
        self.metric = metric
        self.control = control.mean
        self.arm = arm.mean
        sample = min(arm.count, control.count)
        let difference = arm.mean - control.mean
        guard sample >= max(2, plan.minimumSample) else {
            interval = -Double.infinity...Double.infinity
            return
        }
        let variances = [arm, control].map { Self.variance(of: $0, metric) }
        let sequence = ConfidenceSequence(alpha: alpha, target: plan.targetSample)
        let half = sequence.halfWidth(
            variance: variances[0] / Double(arm.count) + variances[1] / Double(control.count),
            targetVariance: (variances[0] + variances[1]) / Double(sequence.target))
        interval = (difference - half)...(difference + half)
    }

    /// Arm less control.
    package var difference: Double { arm - control }

    /// Whether the arm is better (true) or worse (false); nil when either is still possible.
    package var isBetter: Bool? {
        if interval.lowerBound > 0 { return metric.isBetterHigh }
        return interval.upperBound < 0 ? !metric.isBetterHigh : nil
    }

    /// Whether it is certainly worse than the control by more than a part of the control's mean.
    package func isWorse(thanBy tolerance: Double) -> Bool {
        let margin = tolerance * control.magnitude
        return metric.isBetterHigh ? interval.upperBound < -margin : interval.lowerBound > margin
    }

    /// For people: "success 97.1% against 93% (+4.1 points, +1.2 points to +7 points)".
    package var sentence: String {
        let figures = "\(metric.rawValue) \(metric.text(arm)) against \(metric.text(control))"
        guard interval.upperBound.isFinite else { return "\(figures) (\(sample) units, too few for an interval)" }
        let bounds = "\(metric.difference(interval.lowerBound)) to \(metric.difference(interval.upperBound))"
        return "\(figures) (\(metric.difference(difference)), \(bounds))"
    }

    /// A proportion's variance with one success and one failure added (Agresti and Caffo, 2000): a run without any
    /// failure would have none, and its interval no width.
    private static func variance(of moments: Moments, _ metric: Metric) -> Double {
        guard metric == .success else { return moments.variance }
        let count = Double(moments.count)
        let part = (moments.mean * count + 1) / (count + 2)
        return max(moments.variance, part * (1 - part))
    }
}
