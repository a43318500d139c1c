/// How many workers a deployment may have, and what their number follows.
package struct ScalingRule: Sendable, Hashable {
    /// The most workers a rule can ask for.
    package static let workerLimit = 1000
    /// The most slots a worker has.
    package static let slotLimit = 4096
    /// The most schedule windows a rule has.
    package static let windowLimit = 50

    /// The fewest workers, whatever happens; 0: to zero when nothing is to be done.
    package var minWorkers = 0
    /// The most workers, whatever happens.
    package var maxWorkers = 3
    /// How many jobs a worker runs at a time.
    package var slots = 1
    /// What the number follows.
    package var scaler = Scaler.queueDelay(objective: .seconds(30))
    /// Windows with bounds of their own; they bound any scaler.
    package var schedule: [ScheduleWindow] = []
    /// A number must have been asked for as long as this before it is followed up: the least of the time counts.
    package var upStabilisation = Duration.zero
    /// A number must have been enough as long as this before it is followed down: the most of the time counts.
    package var downStabilisation = Duration.zero
    /// How long a worker may be idle before it is given back; nil: learned for each level from what a gap and a start
    /// cost.
    package var idleTimeout: Duration?
    /// Bytes of a host's memory each worker takes; nil: not counted.
    package var memoryPerWorker: Int?
    /// Who gets a full host: the higher first.
    package var priority = 0
    /// The most worker-seconds an hour, starting workers counted; nil: unbounded. The minimum is kept even so.
    package var budget: Double?
    /// What a worker costs in an hour, in whatever currency; nil: nobody said.
    package var pricePerHour: Double?
    /// The most that the workers of an hour may cost, in the currency of `pricePerHour`, which it needs; nil: unbounded.
    /// The tighter of this and `budget` holds, and the minimum is kept even so.
    package var moneyPerHour: Double?
    /// Whether low-priority batch jobs that wait ask for workers. If not they use whoever is there.
    package var batchScales = true
    /// The part of jobs that is to start within the objective, 0 to 1. Of the means to that, only those are used that
    /// are worth `missPrice`.
    package var attainment = 0.995
    /// The most that one more job in time may cost, in worker-seconds. 0: as cheap as the objective allows by starting
    /// when a job asks; with 600 a worker is not held for jobs that come less than every ten minutes.
    package var missPrice = 1800.0
    /// Whether workers are started ahead of a peak that the pattern of days and weeks foretells, while that foretells
    /// more than the last minutes do.
    package var forecast = true

    /// The defaults: to zero, at most 3 workers of one slot, started so that jobs wait no longer than 30 s.
    package init() {}

    /// One clear sentence for each impossible value.
    package func problems() -> [String] {
        var problems: [String] = []
        func demand(_ isMet: Bool, _ sentence: String) { if !isMet { problems.append(sentence) } }
        let workers = 0...Self.workerLimit
        demand(workers ~= minWorkers, "min_workers is \(minWorkers); it must be 0 to \(Self.workerLimit).")
        demand(workers ~= maxWorkers, "max_workers is \(maxWorkers); it must be 0 to \(Self.workerLimit).")
        demand(minWorkers <= maxWorkers, "min_workers (\(minWorkers)) must not be above max_workers (\(maxWorkers)).")
        demand(1...Self.slotLimit ~= slots, "slots is \(slots); it must be 1 to \(Self.slotLimit).")
        let day = Duration.seconds(86_400)
        switch scaler {
        case .queueDelay(let objective):
            demand(
                .zero...day ~= objective,
                "The objective of queue_delay is \(Prose.time(objective)); it must be 0 s to a day.")
        case .requestCount(let perWorker), .query(let perWorker):
            demand(
                perWorker > 0 && perWorker.isFinite,
                "The number per worker of \(scaler.name) is \(perWorker); it must be above 0.")
        case .utilization(let target):
            demand(target > 0 && target <= 1, "The target of utilization is \(target); it must be above 0, at most 1.")
        case .schedule:
            demand(!schedule.isEmpty, "The scaler schedule needs at least one window.")
        }
        demand(schedule.count <= Self.windowLimit, "A rule has at most \(Self.windowLimit) schedule windows.")
        for window in schedule {
            let least = window.minWorkers ?? minWorkers
            let most = window.maxWorkers ?? max(maxWorkers, least)
            demand(
                workers ~= least && workers ~= most && least <= most,
                "The window \"\(window.minutes.text)\" allows \(least) to \(most) workers; it must rise within 0 to \(Self.workerLimit)."
            )
        }
        demand(.zero...day ~= upStabilisation, "up_stabilisation must be 0 s to a day.")
        demand(.zero...day ~= downStabilisation, "down_stabilisation must be 0 s to a day.")
        if let idleTimeout { demand(.zero...day ~= idleTimeout, "idle_timeout must be 0 s to a day.") }
        if let memoryPerWorker { demand(memoryPerWorker > 0, "memory_per_worker must be above 0 bytes.") }
        if let budget { demand(budget > 0 && budget.isFinite, "The budget must be above 0 worker-seconds an hour.") }
        for (name, amount) in [("price_per_hour", pricePerHour), ("money_per_hour", moneyPerHour)] {
            if let amount { demand(amount > 0 && amount.isFinite, "\(name) must be above 0.") }
        }
        demand(
            moneyPerHour == nil || pricePerHour != nil,
            "money_per_hour needs price_per_hour, what a worker costs in an hour.")
        demand(attainment > 0 && attainment <= 1, "attainment is \(attainment); it must be above 0, at most 1.")
        demand(missPrice >= 0 && missPrice.isFinite, "miss_price is \(missPrice); it must be 0 or more.")
        return problems
    }

    /// The bounds that hold in the minute of `second` (since 1970, UTC).
    package func bounds(at second: Int) -> ClosedRange<Int> {
        var least: Int?
        var most: Int?
        for window in schedule where window.minutes.matches(second) {
            let low = window.minWorkers ?? minWorkers
            least = max(least ?? 0, low)
            most = max(most ?? 0, window.maxWorkers ?? max(maxWorkers, low))
        }
        let low = least ?? minWorkers
        return low...max(low, most ?? maxWorkers)
    }

    /// The most worker-seconds an hour, by `budget` and by the money; nil: unbounded.
    package var workerSecondsPerHour: Double? {
        var affordable: Double?
        if let moneyPerHour, let pricePerHour { affordable = moneyPerHour / pricePerHour * 3600 }
        guard let budget, let affordable else { return budget ?? affordable }
        return min(budget, affordable)
    }

    /// What so many worker-seconds cost; nil: nobody said.
    package func money(_ workerSeconds: Double) -> Double? {
        pricePerHour.map { Self.money(workerSeconds, pricePerHour: $0) }
    }

    /// What so many worker-seconds cost at a price.
    package static func money(_ workerSeconds: Double, pricePerHour: Double) -> Double {
        workerSeconds / 3600 * pricePerHour
    }

    /// The most workers any window allows.
    var mostWorkers: Int {
        schedule.reduce(maxWorkers) { max($0, $1.maxWorkers ?? 0, $1.minWorkers ?? 0) }
    }

    /// The objective in seconds, where the scaler has one.
    package var objective: Double? {
        guard case .queueDelay(let objective) = scaler else { return nil }
        return objective.seconds
    }
}
