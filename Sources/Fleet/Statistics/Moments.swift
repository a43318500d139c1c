/// Count, mean and variance of numbers that are not kept, by Welford's update ("Note on a Method for Calculating
/// Corrected Sums of Squares and Products", 1962). Two can be joined (Chan, Golub and LeVeque, 1979), so that SQL may
/// count by the hour.
package struct Moments: Sendable, Hashable {
    /// How many numbers.
    package private(set) var count = 0
    /// Their mean; 0 when there are none.
    package private(set) var mean = 0.0
    /// The sum of their squared distances from the mean.
    package private(set) var squares = 0.0

    /// No numbers.
    package init() {}

    /// `count` numbers with this sum and this sum of squares, as SQL adds them up.
    package init(count: Int, sum: Double, sumOfSquares: Double) {
        guard count > 0 else { return }
        self.count = count
        mean = sum / Double(count)
        squares = max(0, sumOfSquares - sum * mean)
    }

    /// The unbiased variance; 0 for fewer than two numbers.
    package var variance: Double { count > 1 ? squares / Double(count - 1) : 0 }

    /// Adds a number. What is not finite is left out: one of them would be the end of every mean.
    package mutating func record(_ value: Double) {
        guard value.isFinite else { return }
        count += 1
        let distance = value - mean
        mean += distance / Double(count)
        squares += distance * (value - mean)
    }

    /// Adds the numbers of another.
    package mutating func merge(_ other: Moments) {
        guard other.count > 0 else { return }
        let total = Double(count + other.count)
        let distance = other.mean - mean
        squares += other.squares + distance * distance * Double(count) * Double(other.count) / total
        mean += distance * Double(other.count) / total
        count += other.count
    }
}
