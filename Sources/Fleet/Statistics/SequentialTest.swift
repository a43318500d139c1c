/// Tells a small probability of a bad outcome from a large one with as few trials as the evidence needs: Wald's
/// sequential probability ratio test ("Sequential Tests of Statistical Hypotheses", 1945).
///
/// It may be looked at after every trial; that is what it is made for. When the true probability is at most
/// `acceptable`, it says `bad` with a probability of about `error` at most; when it is at least `unacceptable`, `good`
/// likewise. In between either may come out, and it takes longer.
package struct SequentialTest: Sendable, Hashable {
    /// What the trials say so far.
    package enum Verdict: Sendable, Hashable {
        case good
        case bad
        case undecided
    }

    /// The probability of a bad outcome that is fine.
    package let acceptable: Double
    /// The probability that is not: above `acceptable`.
    package let unacceptable: Double
    /// How often a verdict may be wrong, 0 to ½.
    package let error: Double

    /// A test between two probabilities. What makes no sense is moved to the nearest that does.
    package init(acceptable: Double, unacceptable: Double, error: Double = 0.05) {
        self.acceptable = min(max(acceptable, 0.000_1), 0.98)
        self.unacceptable = min(max(unacceptable, self.acceptable + 0.01), 0.999)
        self.error = min(max(error, 0.000_001), 0.49)
    }

    /// How many trials without a bad one make it say `good`.
    package var cleanTrials: Int {
        let bound = ((1 - error) / error).logarithm
        return Int((bound / ((1 - acceptable) / (1 - unacceptable)).logarithm).rounded(.up))
    }

    /// The verdict after `trials` trials of which `bad` were bad.
    package func verdict(trials: Int, bad: Int) -> Verdict {
        let evidence =
            Double(bad) * (unacceptable / acceptable).logarithm
            + Double(trials - bad) * ((1 - unacceptable) / (1 - acceptable)).logarithm
        let bound = ((1 - error) / error).logarithm
        if evidence >= bound { return .bad }
        return evidence <= -bound ? .good : .undecided
    }

    /// The verdict once no more trials are to be waited for: by the nearer of the two probabilities.
    package func finalVerdict(trials: Int, bad: Int) -> Verdict {
        guard trials > 0 else { return .undecided }
        return Double(bad) / Double(trials) <= (acceptable + unacceptable) / 2 ? .good : .bad
    }
}
