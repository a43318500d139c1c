package import Fleet
package import Queue

extension ExperimentReport {
    /// What is to be said of the experiment SQL has as `listing`, with these arms and figures.
    ///
    /// - Throws: what is wrong with it, which SQL does not let in.
    package init(
        _ listing: ExperimentListing, _ arms: [ExperimentListing.Arm], _ figures: [ArmFigure]
    ) throws(Experiment.Problem) {
        let experiment = try Experiment(
            name: listing.name, salt: listing.salt,
            arms: arms.map { Arm($0.name, buckets: Int($0.buckets), isShadow: $0.isShadow) })
        var tallies: [String: ArmTally] = [:]
        for figure in figures {
            // A metric that is newer than this program is nothing it could compare.
            guard let metric = Metric(rawValue: figure.metric) else { continue }
            var tally = tallies[figure.arm] ?? ArmTally()
            tally.exposures = Int(figure.exposures)
            tally.moments[metric] = Moments(
                count: Int(figure.units), sum: figure.sum, sumOfSquares: figure.sumOfSquares)
            tallies[figure.arm] = tally
        }
        self.init(experiment, tallies: tallies, plan: ExperimentPlan(listing.plan))
    }
}

extension ExperimentPlan {
    /// As it was declared, with the defaults for the rest.
    init(_ plan: ExperimentListing.Plan) {
        self.init()
        if let metric = plan.primary.flatMap(Metric.init) { primary = metric }
        guardrails = plan.guardrails.compactMap { name, tolerance in
            Metric(rawValue: name).map { Guardrail($0, tolerance: tolerance) }
        }
        if let part = plan.alpha { alpha = part }
        if let units = plan.minimumSample { minimumSample = Int(units) }
        if let units = plan.targetSample { targetSample = Int(units) }
        indifference = plan.indifference
        if let part = plan.mismatchLimit { mismatchLimit = part }
    }
}
