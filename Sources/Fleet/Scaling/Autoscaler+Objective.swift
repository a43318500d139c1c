extension Autoscaler {
    /// Seconds of the objective that are left for looking and for handing over.
    private static let margin = 1.0
    /// While it knows little, it holds as many workers more than were ever needed as the cube root of this many start
    /// times against its age says: a record that stood for an age T is broken in the next T with even chances, and by
    /// how much falls off as the third power.
    private static let headroomStarts = 15.0
    /// A job is worth no more than so many misses of one need: beyond that the next need will not be the same.
    private static let mostMisses = 3.0
    /// What just-in-time starts save is counted up to so many starts.
    private static let mostStarts = 20.0
    /// Standard deviations by which fewer jobs may end than in the mean before a start is too late.
    private static let deviations = 2.0

    /// The workers for an objective, and why.
    mutating func forObjective(
        _ objective: Double, _ observation: ScalingObservation, at now: Double, _ figures: inout ScalingFigures
    ) -> (Int, ScalingCause) {
        let start = starts.planned
        // A start that takes as long as the objective comes too late for the job that asks for it.
        let isTooLate = start > objective - 2 * Self.margin
        let patience = max(0, objective - Self.margin)
        let missPrice = rule.missPrice * (isTooLate ? tension.price : tension.value)
        figures.missPrice = missPrice

        let needed = look(observation, at: now, patience: patience * tension.patience, objective: objective)
        figures.occupancy = needed * queues.workersPerLevel
        let jobsPerStart = isTooLate ? Double.infinity : 1 + max(0, objective - start) / runTime
        var held = 0
        for index in stride(from: levels.count - 1, through: 0, by: -1) {
            let level = levels[index]
            let starts = max(1, min(level.savedPerNeed / jobsPerStart, Self.mostStarts))
            let price = start * starts + missPrice * min(max(level.savedPerNeed, 0.2), Self.mostMisses)
            if level.isKept(at: now, price: price, timeout: rule.idleTimeout?.seconds) {
                held = index + 1
                break
            }
        }
        if isTooLate, rule.idleTimeout == nil { held = max(held, headroom(start)) }
        figures.held = held * queues.workersPerLevel
        var wanted = figures.held
        var cause = needed == held || isTooLate ? ScalingCause.occupancy : .demand
        if figures.waiting > 0 {
            let workers = observation.ready + observation.starting.count
            let all = (observation.running + figures.waiting + rule.slots - 1) / rule.slots
            let target =
                isTooLate
                ? backlogTarget(observation, waiting: figures.waiting, patience: patience)
                : workers + extraInTime(observation, objective: objective, &figures)
            // Never two for one job; and whoever waits gets one at all.
            let backlog = max(min(target, max(all, workers)), workers == 0 ? 1 : 0)
            if backlog > wanted { (wanted, cause) = (backlog, .backlog) }
        }
        return (wanted, cause)
    }

    /// Feeds the imagined queues and the levels' records; how many levels this look needed.
    private mutating func look(
        _ observation: ScalingObservation, at now: Double, patience: Double, objective: Double
    ) -> Int {
        var needed = 0
        let lateBefore = observation.arrivals > 0 ? queues.late : []
        for _ in 0..<min(observation.arrivals, ScalingObservation.arrivalLimit) {
            needed = max(needed, queues.arrive(at: now, patience: patience))
        }
        let ready = observation.ready / queues.workersPerLevel
        if needed > ready, ready > 0, queues.knowsRunTimes, isInTime(observation, objective) { needed = ready }
        highest = max(highest, needed)
        for index in levels.indices {
            var saved = 0.0
            if observation.arrivals > 0 {
                let below = index > 0 ? queues.late[index - 1] - lateBefore[index - 1] : Double(observation.arrivals)
                saved = below - (queues.late[index] - lateBefore[index])
            }
            levels[index].look(at: now, isNeeded: index < needed, saving: saved)
        }
        return needed
    }

    /// Whether the real queue will start in time as it is: what happens is better evidence than what was imagined.
    private func isInTime(_ observation: ScalingObservation, _ objective: Double) -> Bool {
        let slots = Double(observation.ready * rule.slots)
        var jobs = Double(observation.running + 1)
        for group in observation.waiting { jobs += Double(group.count) }
        return (jobs - slots) * runTime / slots < objective
    }

    private func headroom(_ start: Double) -> Int {
        guard highest > 0, queues.knowsRunTimes else { return 0 }
        let share = Self.headroomStarts * start / max(age, start)
        return min(levels.count, Int(Double(highest) * (share.logarithm / 3).exponential))
    }

    /// How many workers clear what waits so that jobs which come when they are ready start in time again.
    private func backlogTarget(_ observation: ScalingObservation, waiting: Int, patience: Double) -> Int {
        let slots = Double(rule.slots)
        let jobs = Double(observation.running + waiting)
        let perWorker = slots * (1 + patience / runTime)
        guard jobs > Double(observation.ready) * perWorker else { return 0 }
        let start = starts.planned
        var left = jobs + rate * start - Double(observation.ready) * slots * start / runTime
        for age in observation.starting { left -= min(start, age.seconds) * slots / runTime }
        return Int(min(max(0, left / perWorker).rounded(.up), Double(ScalingRule.workerLimit)))
    }

    /// How many workers must be started now, because otherwise waiting jobs would start late and a later start could not
    /// help them: those that are there and starting are expected to end fewer jobs than in the mean.
    private func extraInTime(
        _ observation: ScalingObservation, objective: Double, _ figures: inout ScalingFigures
    ) -> Int {
        let start = starts.planned
        let slots = Double(rule.slots)
        let ready = Double(observation.ready) * slots
        var position = -max(0, ready - Double(observation.running))
        var extra = 0.0
        for group in observation.waiting {
            position += Double(group.count)
            let left = objective - group.age.seconds - Self.margin
            // A worker started now is ready a look too late for it.
            if left < start - Self.margin { continue }
            // Later is early enough, and by then somebody may be free; many short jobs are cheaper begun at once.
            if left - start > 2 * Self.margin, runTime > (left - start) / 2 { break }
            let ended = ready * left / runTime
            var taken = max(0, ended - Self.deviations * ended.squareRoot())
            for age in observation.starting {
                let wait = max(0, start - age.seconds)
                if left >= wait { taken += slots * (1 + (left - wait) / runTime) }
            }
            guard position > taken else { continue }
            figures.late = Int(position - taken)
            extra = max(extra, ((position - taken) / (slots * (1 + max(0, left - start) / runTime))).rounded(.up))
        }
        return Int(min(extra, Double(ScalingRule.workerLimit)))
    }
}
