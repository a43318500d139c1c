/// The part of its weight a deployment gets for its score. It falls at once and rises only when the score is clearly
/// above the grade, so that a score at a border does not move traffic to and fro.
package struct HealthGrade: Sendable, Hashable {
    /// The part of the weight, 0 to 1. 0 only when the score is below the last grade.
    package private(set) var weight = 1.0

    /// The best grade.
    package init() {}

    /// Takes in a score and returns the weight.
    @discardableResult
    package mutating func update(_ score: Double, policy: HealthPolicy) -> Double {
        func weight(at score: Double) -> Double { policy.grades.first { score >= $0.score }?.weight ?? 0 }
        let now = weight(at: score)
        // A perfect score is above everything, whatever the hysteresis.
        let cautious = score >= 1 ? now : weight(at: score - policy.hysteresis)
        self.weight = now <= self.weight ? now : max(self.weight, cautious)
        return self.weight
    }
}
