/// The chi-square distribution.
enum ChiSquare {
    /// The probability that a chi-square variable of `degrees` degrees of freedom (at least 1) exceeds `statistic`.
    ///
    /// The regularised upper incomplete gamma function Q(degrees / 2, statistic / 2): by its series where that
    /// converges fast, else by its continued fraction (Press et al., "Numerical Recipes", 3rd edition, 6.2; Lentz's
    /// method).
    static func upperTail(_ statistic: Double, degrees: Int) -> Double {
        guard degrees > 0, statistic > 0 else { return 1 }
        guard statistic.isFinite else { return 0 }
        let shape = Double(degrees) / 2
        let x = statistic / 2
        let scale = (shape * x.logarithm - x - logarithmOfGamma(halves: degrees)).exponential
        if x < shape + 1 { return max(0, 1 - scale * series(shape, x)) }
        return min(1, scale * continuedFraction(shape, x))
    }

    /// ln Γ(halves / 2), by the recurrence from Γ(½) = √π or Γ(1) = 1: exact but for rounding.
    private static func logarithmOfGamma(halves: Int) -> Double {
        let start = halves.isMultiple(of: 2) ? 2 : 1
        let first = start == 2 ? 0 : 0.5 * Double.pi.logarithm
        return stride(from: start, to: halves, by: 2).reduce(first) { $0 + (Double($1) / 2).logarithm }
    }

    private static func series(_ shape: Double, _ x: Double) -> Double {
        var term = 1 / shape
        var sum = term
        var divisor = shape
        for _ in 0..<1_000 where term > sum * 1e-16 {
            divisor += 1
            term *= x / divisor
            sum += term
        }
        return sum
    }

    private static func continuedFraction(_ shape: Double, _ x: Double) -> Double {
        let tiny = 1e-300
        var b = x + 1 - shape
        var c = 1 / tiny
        var d = 1 / b
        var result = d
        for step in 1...1_000 {
            let factor = -Double(step) * (Double(step) - shape)
            b += 2
            d = factor * d + b
            if d.magnitude < tiny { d = tiny }
            c = b + factor / c
            if c.magnitude < tiny { c = tiny }
            d = 1 / d
            result *= d * c
            if (d * c - 1).magnitude < 1e-15 { break }
        }
        return result
    }
}
