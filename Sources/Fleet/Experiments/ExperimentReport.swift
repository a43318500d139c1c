/// What an experiment shows so far. It may be made every day, or every minute: its intervals hold at all times at once.
package struct ExperimentReport: Sendable, Hashable {
    /// What is to be said of an arm. The raw value is the word used in SQL.
    package enum Verdict: String, Sendable {
        /// Too few units.
        case collecting
        /// Enough to look at, too few to tell.
        case undecided
        /// Better in the primary metric, and no guardrail is broken.
        case better
        /// Worse in the primary metric.
        case worse
        /// No difference worth having.
        case equivalent
        /// A guardrail is certainly broken: stop it.
        case harmful
        /// The sample sizes are wrong: nothing else can be said.
        case mismatch
    }

    /// An arm beside the control.
    package struct Side: Sendable, Hashable {
        /// The arm.
        package let arm: Arm
        /// Every metric that both have.
        package let comparisons: [Comparison]
        /// The verdict.
        package let verdict: Verdict
        /// One sentence for people.
        package let sentence: String
    }

    /// The arms but the control, in the order of the experiment.
    package let sides: [Side]
    /// The probability of sample sizes this far from the declared ones.
    package let mismatchProbability: Double

    /// One sentence a side, the whole for people.
    package var sentence: String { sides.map(\.sentence).joined(separator: " ") }

    /// Compares the arms. Tallies by the names of arms; an arm without one has brought nothing.
    package init(_ experiment: Experiment, tallies: [String: ArmTally], plan: ExperimentPlan) {
        let serving = experiment.arms.filter { !$0.isShadow }
        mismatchProbability = SampleRatio.probability(
            serving.map { (tallies[$0.name]?.exposures ?? 0, $0.buckets) })
        let isMismatched = mismatchProbability < plan.mismatchLimit
        let control = experiment.control
        let others = experiment.arms.filter { $0.name != control?.name }
        let alpha = plan.alpha / Double(max(1, others.count))
        let controlTally = control.flatMap { tallies[$0.name] } ?? ArmTally()
        var sides: [Side] = []
        for arm in others {
            let tally = tallies[arm.name] ?? ArmTally()
            let comparisons = Metric.allCases.compactMap {
                Comparison($0, arm: tally[$0], control: controlTally[$0], alpha: alpha, plan: plan)
            }
            // A shadow is not part of the draw.
            let (verdict, why) =
                isMismatched && !arm.isShadow
                ? (.mismatch, Self.mismatch(serving, tallies, mismatchProbability))
                : Self.judge(arm, comparisons, plan)
            sides.append(
                Side(arm: arm, comparisons: comparisons, verdict: verdict, sentence: "\(arm.name): \(why)."))
        }
        self.sides = sides
    }

    private static func judge(_ arm: Arm, _ comparisons: [Comparison], _ plan: ExperimentPlan) -> (Verdict, String) {
        for guardrail in plan.guardrails {
            guard let found = comparisons.first(where: { $0.metric == guardrail.metric }) else { continue }
            guard found.isWorse(thanBy: guardrail.tolerance) else { continue }
            let margin = guardrail.tolerance > 0 ? " by more than \(Prose.percent(guardrail.tolerance))" : ""
            return (.harmful, "\(found.sentence), worse\(margin): stop it")
        }
        guard let primary = comparisons.first(where: { $0.metric == plan.primary }) else {
            return (.collecting, "nothing to compare yet")
        }
        guard primary.sample >= plan.minimumSample else { return (.collecting, primary.sentence) }
        switch primary.isBetter {
        case true?: return (.better, "\(primary.sentence), better\(arm.isShadow ? "" : ": keep it")")
        case false?: return (.worse, "\(primary.sentence), worse: keep the control")
        case nil:
            if let margin = plan.indifference, primary.interval.lowerBound > -margin,
                primary.interval.upperBound < margin
            {
                return (.equivalent, "\(primary.sentence), no difference worth having")
            }
            return (.undecided, "\(primary.sentence), undecided")
        }
    }

    private static func mismatch(_ arms: [Arm], _ tallies: [String: ArmTally], _ probability: Double) -> String {
        let sizes = arms.map { "\($0.name) \(tallies[$0.name]?.exposures ?? 0)" }.joined(separator: ", ")
        return "sample sizes (\(sizes)) do not fit the split (probability \(Prose.number(probability, digits: 6))): "
            + "find what loses units before reading any figure"
    }
}
