/// Natural logarithm and exponential. Here because this target imports no system library; accurate to a few units in
/// the last place, which the tests hold against the C library's.
extension Double {
    /// The natural logarithm; -infinity for zero, not a number below.
    ///
    /// The significand is brought to √½ … √2, where ln m = 2 artanh((m − 1) / (m + 1)) converges within a dozen terms
    /// (Abramowitz and Stegun, 4.1.27).
    package var logarithm: Double {
        guard self > 0 else { return self == 0 ? -.infinity : .nan }
        guard isFinite else { return self }
        var power = Double(exponent)
        var mantissa = significand
        if mantissa > 1.414_213_562_373_095_1 {
            mantissa /= 2
            power += 1
        }
        let ratio = (mantissa - 1) / (mantissa + 1)
        var term = ratio
        var sum = ratio
        for odd in stride(from: 3.0, through: 25, by: 2) {
            term *= ratio * ratio
            sum += term / odd
        }
        return power * 0.693_147_180_559_945_3 + 2 * sum
    }

    /// e to this power; infinity above about 709.7, zero below about -745.
    ///
    /// The argument is brought to ±½ ln 2, where the power series converges within 14 terms.
    package var exponential: Double {
        guard self < 710 else { return isNaN ? .nan : .infinity }
        guard self > -746 else { return 0 }
        let power = (self / 0.693_147_180_559_945_3).rounded()
        // ln 2 in two parts, so that the product with `power` loses nothing.
        let rest = self - power * 0.693_147_180_369_123_8 - power * 1.908_214_929_270_587_7e-10
        var term = 1.0
        var sum = 1.0
        for divisor in 1...14 {
            term *= rest / Double(divisor)
            sum += term
        }
        // In two steps: the power of a subnormal result is none that a normal number has.
        let half = Int(power) / 2
        return sum * Double(sign: .plus, exponent: half, significand: 1)
            * Double(sign: .plus, exponent: Int(power) - half, significand: 1)
    }
}
