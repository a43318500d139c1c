/// Decides how many workers a deployment should have, look by look. No clock, no input or output: the owner says what it
/// saw, and gets a number and a reason; the same looks give the same decisions, in real and in virtual time.
///
/// With `queue_delay`:
/// - For each number of workers a queue is imagined that the real arrivals feed (`LevelQueues`). So it is known at any
///   time how many workers would have been enough for the objective, and what each further one would have brought.
/// - Each level of workers is kept while that costs less than starting it again: the time that is best for the gaps seen
///   between its needs, or, while few were seen, as long as a start and the jobs it would miss cost (ski rental; the
///   levels as in Lu and Chen's decomposition).
/// - If a start fits into the objective, workers start just in time for the waiting jobs that those there cannot take
///   (`extraInTime`). If not, jobs that wait are late already: levels are held for the price of a miss, and what waits is
///   cleared (`extraForBacklog`).
/// - How much is paid beyond the least follows from the part of jobs that is to start in time (`Tension`).
/// - While little is known, more than was ever needed is held, less from look to look (`headroom`).
package struct Autoscaler: Sendable {
    /// The rule in force.
    package private(set) var rule: ScalingRule
    /// Seconds from 1970 (UTC) to the owner's epoch, for the schedule and the time of the day.
    package let epoch: Int
    /// The number in force.
    package private(set) var desired: Int

    var queues: LevelQueues
    var levels: [LevelRecord]
    var starts = StartTimes()
    var tension = Tension()
    /// The most levels ever needed at a time.
    var highest = 0
    /// Seconds it has looked at all.
    var age = 0.0
    /// Arrivals in a second, averaged over about a start.
    var rate = 0.0
    /// Mean run time of the jobs last seen.
    var runTime = LevelQueues.unknownRunTime
    private var forecast = SeasonalForecast()
    private var watch = ArrivalWatch()
    private var budget = HourBudget()
    private var up = Stabiliser()
    private var down = Stabiliser()
    private var lastTime: Double?
    /// Levels that were restored before the first look: their ages count from then.
    private var restored: [ScalingMemory.Level]?
    private var boundsMinute = Int.min
    private var bounds = 0...0
    /// Looks further apart than this are taken to be as far apart as this, in seconds.
    private static let longestPause = 60.0

    /// An autoscaler that knows nothing yet.
    ///
    /// - Parameters:
    ///   - epoch: seconds from 1970 (UTC) to the zero of the observations' times.
    ///   - desired: the number in force.
    package init(rule: ScalingRule, epoch: Int = 0, desired: Int = 0) {
        self.rule = rule
        self.epoch = epoch
        self.desired = max(0, desired)
        queues = LevelQueues(maxWorkers: rule.mostWorkers, slots: rule.slots)
        levels = Array(repeating: LevelRecord(), count: queues.count)
    }

    /// Another rule; what was learned is kept, unless a worker now has other slots: then the levels are others.
    package mutating func change(rule: ScalingRule) {
        let kept = memory
        let isAlike = rule.slots == self.rule.slots
        self.rule = rule
        boundsMinute = .min
        queues = LevelQueues(maxWorkers: rule.mostWorkers, slots: rule.slots)
        levels = Array(repeating: LevelRecord(), count: queues.count)
        restore(kept, levels: isAlike)
    }

    /// How long the last starts of workers took, in seconds.
    package var startTimes: [Double] { starts.times }

    /// What was learned; may be put back into a new one before its first look. What is not whole is not taken: then
    /// everything is learned anew.
    package var memory: ScalingMemory {
        get {
            var memory = ScalingMemory()
            memory.age = age
            memory.runTimes = queues.runTimes
            memory.startTimes = starts.times
            memory.levels = restored ?? levels.map { $0.memory(at: lastTime ?? 0) }
            memory.workersPerLevel = queues.workersPerLevel
            memory.highest = highest
            memory.tension = tension
            memory.forecast = forecast
            memory.watch = watch
            memory.budget = budget
            return memory
        }
        set { restore(newValue, levels: true) }
    }

    private mutating func restore(_ memory: ScalingMemory, levels isAlike: Bool) {
        guard memory.isWhole else { return }
        age = memory.age
        for time in memory.runTimes.suffix(LevelQueues.sampleLimit) { queues.learn(runTime: time) }
        learnRunTime()
        starts = StartTimes(times: memory.startTimes)
        tension = memory.tension
        forecast = memory.forecast
        watch = memory.watch
        if let spent = memory.budget { budget = spent }
        restored = nil
        guard isAlike, memory.workersPerLevel == queues.workersPerLevel else { return }
        highest = min(memory.highest, levels.count)
        if let lastTime { take(memory.levels, at: lastTime) } else { restored = memory.levels }
    }

    private mutating func take(_ known: [ScalingMemory.Level], at now: Double) {
        for index in levels.indices.prefix(known.count) { levels[index] = LevelRecord(known[index], at: now) }
    }

    private mutating func learnRunTime() {
        guard queues.knowsRunTimes else { return }
        runTime = max(0.001, queues.runTimes.reduce(0, +) / Double(queues.runTimes.count))
    }

    /// The number of workers there should be. Looks are in the order of their times.
    package mutating func decide(_ observation: ScalingObservation) -> ScalingDecision {
        let now = observation.time.seconds
        var figures = figures(observation)
        guard observation.isComplete else {
            return ScalingDecision(desired: desired, hasChanged: false, cause: .heldWithoutData, figures: figures)
        }
        let elapsed = min(max(0, now - (lastTime ?? now)), Self.longestPause)
        // Hysteresis: no number is taken back at once.
        let pause = min(LevelRecord.pause, rule.idleTimeout?.seconds ?? LevelRecord.pause)
        let calming = max(pause, rule.downStabilisation.seconds)
        if lastTime == nil {
            // What was in force before the first look was asked for until then, and what nobody saw was not idle.
            _ = up.least(desired, at: now, seconds: rule.upStabilisation.seconds)
            _ = down.most(desired, at: now, seconds: calming)
            if let restored { take(restored, at: now) }
            restored = nil
        }
        lastTime = now
        let workers = observation.ready + observation.starting.count
        age += elapsed
        budget.spend(Double(workers) * elapsed, at: now)
        figures.spent = budget.spent
        figures.spentMoney = rule.money(budget.spent)
        figures.moneyPerHour = rule.moneyPerHour
        learn(observation, elapsed: elapsed, at: now)
        watch.look(at: now, arrivals: observation.arrivals)
        figures.isAnomalous = watch.isAnomalous
        figures.startTime = starts.planned
        figures.runTime = runTime

        var (wanted, cause) = wanted(observation, at: now, &figures)
        if rule.forecast {
            let second = Double(epoch) + now
            forecast.look(at: second, needed: figures.occupancy, isAnomalous: watch.isAnomalous)
            figures.forecast = forecast.needed(from: second, until: second + starts.planned + 600)
            if figures.forecast > wanted { (wanted, cause) = (figures.forecast, .forecast) }
        }
        // A worker with a job is not given back.
        wanted = max(wanted, min(desired, (observation.running + rule.slots - 1) / rule.slots))
        let calm = down.most(wanted, at: now, seconds: calming)
        let lasting = up.least(wanted, at: now, seconds: rule.upStabilisation.seconds)
        var next = desired
        if wanted > desired { next = max(desired, lasting) } else if calm < desired { (next, cause) = (calm, .idle) }
        if next == desired, wanted <= desired { cause = .enough }
        bound(&next, &cause, workers: workers, at: now)
        let hasChanged = next != desired
        desired = next
        return ScalingDecision(desired: next, hasChanged: hasChanged, cause: cause, figures: figures)
    }

    private func figures(_ observation: ScalingObservation) -> ScalingFigures {
        var figures = ScalingFigures()
        figures.before = desired
        figures.ready = observation.ready
        figures.starting = observation.starting.count
        figures.running = observation.running
        for group in observation.waiting { figures.waiting += group.count }
        figures.oldestWait = observation.waiting.first?.age.seconds ?? 0
        figures.objective = rule.objective ?? 0
        figures.query = observation.query
        return figures
    }

    private mutating func learn(_ observation: ScalingObservation, elapsed: Double, at now: Double) {
        starts.look(at: now, finished: observation.startsFinished, failed: observation.startsFailed)
        if !observation.runTimes.isEmpty {
            let knew = queues.knowsRunTimes
            for time in observation.runTimes.prefix(ScalingObservation.runTimeLimit) {
                queues.learn(runTime: max(0, time.seconds))
            }
            learnRunTime()
            if !knew, queues.knowsRunTimes {
                highest = 0
                for index in levels.indices { levels[index].forgetNeed() }
            }
        }
        if elapsed > 0 {
            let part = min(1, elapsed / max(30, starts.planned))
            rate += (Double(observation.arrivals) / elapsed - rate) * part
        }
        tension.look(
            seconds: elapsed, inTime: observation.startedInTime, late: observation.startedLate,
            attainment: rule.attainment,
            isExcused: !queues.knowsRunTimes || age <= 2 * starts.planned + 30)
    }

    private mutating func wanted(
        _ observation: ScalingObservation, at now: Double, _ figures: inout ScalingFigures
    ) -> (Int, ScalingCause) {
        let slots = Double(rule.slots)
        // Jobs that may not scale anything up do not keep anything up either, but for the workers that have them.
        let jobs = Double(max(0, observation.running - observation.runningBatch) + figures.waiting)
        let computed: Double
        switch rule.scaler {
        case .queueDelay(let objective):
            return forObjective(objective.seconds, observation, at: now, &figures)
        case .requestCount(let perWorker): computed = jobs / perWorker
        case .utilization(let target): computed = jobs / slots / target
        case .query(let perWorker):
            // No number, no decision.
            guard let query = observation.query, query.isFinite else { return (desired, .heldWithoutData) }
            computed = query / perWorker
        case .schedule: computed = 0
        }
        let count = Int(min(max(0, computed - 1e-9).rounded(.up), Double(ScalingRule.workerLimit)))
        figures.occupancy = count
        if rule.scaler == .schedule { return (0, .schedule) }
        // What it no longer asks for is kept while that costs less than another start.
        var held = 0
        let needed = (count + queues.workersPerLevel - 1) / queues.workersPerLevel
        for index in levels.indices {
            levels[index].look(at: now, isNeeded: index < needed, saving: 0)
            if levels[index].isKept(at: now, price: starts.planned, timeout: rule.idleTimeout?.seconds) {
                held = index + 1
            }
        }
        figures.held = held * queues.workersPerLevel
        return (max(count, min(desired, figures.held)), .demand)
    }

    private mutating func bound(_ next: inout Int, _ cause: inout ScalingCause, workers: Int, at now: Double) {
        if next > workers, starts.pausedUntil > now, next > desired || desired > workers {
            (next, cause) = (max(workers, 0), .startsFail)
        }
        let minute = Int(((Double(epoch) + now) / 60).rounded(.down))
        if minute != boundsMinute {
            boundsMinute = minute
            bounds = rule.bounds(at: minute * 60)
        }
        if next < bounds.lowerBound || next > bounds.upperBound {
            next = min(max(next, bounds.lowerBound), bounds.upperBound)
            cause = rule.schedule.isEmpty ? .bounds : .schedule
        }
        if let budget = rule.workerSecondsPerHour {
            let limit = max(bounds.lowerBound, self.budget.limit(budget))
            if next > limit { (next, cause) = (limit, .budget) }
        }
    }
}
