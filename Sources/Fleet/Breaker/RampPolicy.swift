/// The steps in which traffic comes back to a deployment, or goes to a new version, and what each has to prove.
package struct RampPolicy: Sendable, Hashable {
    /// The steps there are when nobody says otherwise, in percent.
    package static let defaultSteps = [1, 5, 10, 25, 50, 100]

    /// Percent of the full share, rising, the last one 100.
    package let steps: [Int]
    /// No step passes with fewer outcomes.
    package var minimumSample = 20
    /// With so many outcomes, a step that is neither clearly good nor clearly bad is judged by its plain ratios.
    package var maximumSample = 400
    /// No step passes sooner.
    package var minimumTime = Duration.seconds(10)
    /// When a step has lasted so long without outcomes enough, active probes are asked for and count as outcomes.
    package var patience = Duration.seconds(60)
    /// The error ratio that is fine, and the one that is not.
    package var errors = SequentialTest(acceptable: 0.02, unacceptable: 0.1)
    /// The part of answers slower than the objective that is fine, and the one that is not. 5%: the objective is one
    /// for the 95th percentile.
    package var slow = SequentialTest(acceptable: 0.05, unacceptable: 0.15)
    /// More failures in a row than this are bad at once.
    package var maximumConsecutiveFailures = 3
    /// A larger ratio of refusals for want of room is bad.
    package var overloadLimit = 0.5

    /// Steps in percent. Those outside 1...100 are left out, the rest sorted, 100 added.
    package init(steps: [Int] = RampPolicy.defaultSteps) {
        self.steps = Set(steps.filter { 1..<100 ~= $0 }).sorted() + [100]
    }
}
