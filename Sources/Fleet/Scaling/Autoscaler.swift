/// Decides how many workers a deployment should have, look by look. No clock, no input or output: the owner says what it
/// saw, and gets a number and a reason. The same in virtual time.
package struct Autoscaler: Sendable {
    /// The rule in force.
    package private(set) var rule: ScalingRule
    /// What was learned; may be put back into a new one.
    package var memory = ScalingMemory()
    /// Seconds from 1970 (UTC) to the owner's epoch, for the schedule.
    package let epoch: Int
    private var desired = 0
    private var enoughSince: Duration?

    /// An autoscaler that knows nothing yet.
    ///
    /// - Parameters:
    ///   - epoch: seconds from 1970 (UTC) to the zero of the observations' times.
    ///   - desired: the number in force.
    package init(rule: ScalingRule, epoch: Int = 0, desired: Int = 0) {
        self.rule = rule
        self.epoch = epoch
        self.desired = desired
    }

    /// Another rule; what was learned is kept.
    package mutating func change(rule: ScalingRule) { self.rule = rule }

    /// The number of workers there should be. Looks are in the order of their times.
    package mutating func decide(_ observation: ScalingObservation) -> ScalingDecision {
        var figures = ScalingFigures()
        figures.before = desired
        figures.ready = observation.ready
        figures.starting = observation.starting.count
        figures.running = observation.running
        figures.waiting = observation.waiting.reduce(0) { $0 + $1.count }
        guard observation.isComplete else {
            return ScalingDecision(desired: desired, hasChanged: false, cause: .heldWithoutData, figures: figures)
        }
        let slots = Double(rule.slots)
        let jobs = Double(observation.running + figures.waiting)
        let wanted: Double =
            switch rule.scaler {
            case .queueDelay: jobs / slots
            case .requestCount(let perWorker): jobs / perWorker
            case .utilization(let target): jobs / slots / target
            case .query(let perWorker): (observation.query ?? Double(desired) * perWorker) / perWorker
            case .schedule: 0
            }
        let bounds = rule.bounds(at: epoch + Int(observation.time.seconds))
        var next = Int(min(wanted.rounded(.up), Double(ScalingRule.workerLimit)))
        next = min(max(next, bounds.lowerBound), bounds.upperBound)
        if next >= desired { enoughSince = nil }
        if next < desired {
            let since = enoughSince ?? observation.time
            enoughSince = since
            if observation.time - since < rule.idleTimeout ?? .seconds(60), desired <= bounds.upperBound {
                next = desired
            }
        }
        let cause: ScalingCause = next > desired ? .demand : next < desired ? .idle : .enough
        let hasChanged = next != desired
        desired = next
        return ScalingDecision(desired: next, hasChanged: hasChanged, cause: cause, figures: figures)
    }
}
