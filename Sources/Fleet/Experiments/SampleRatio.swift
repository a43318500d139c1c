/// Whether arms got as many units as they should have: if not, something drops units of one arm, and no difference
/// between the arms means anything ("Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", Fabijan et
/// al., 2019).
package enum SampleRatio {
    /// The probability of sizes this far from what was declared, by Pearson's chi-square test; 1 when too little is
    /// known: the test is none for fewer than five expected in an arm.
    ///
    /// - Parameter arms: the units each has, and its declared weight.
    package static func probability(_ arms: [(exposures: Int, weight: Int)]) -> Double {
        let total = Double(arms.reduce(0) { $0 + $1.exposures })
        let weights = Double(arms.reduce(0) { $0 + $1.weight })
        guard arms.count > 1, weights > 0 else { return 1 }
        var statistic = 0.0
        for arm in arms {
            let expected = total * Double(arm.weight) / weights
            guard expected >= 5 else { return 1 }
            let distance = Double(arm.exposures) - expected
            statistic += distance * distance / expected
        }
        return ChiSquare.upperTail(statistic, degrees: arms.count - 1)
    }
}
