/// What is known about one level of workers: when it was needed, for how many jobs, and after what gaps.
struct LevelRecord: Sendable, Hashable {
    /// A level is no longer needed when it was not for so many seconds; also the shortest time one is kept.
    static let pause = 10.0
    /// Fewer gaps say nothing: then a level is kept as long as it costs to start it again (ski rental, never more than
    /// twice what the best would have cost).
    static let minimumGaps = 8.0
    /// The part of each histogram that the next gap leaves.
    private static let gapMemory = 0.99
    private static let savingMemory = 0.9

    private(set) var gaps = GapTimes()
    /// The jobs each need brought in time: a decayed sum and its weight.
    private(set) var saved = 0.0
    private(set) var savedWeight = 0.0
    /// The last look that needed it.
    private(set) var lastNeed: Double?
    private(set) var isNeeded = false
    private var savedNow = 0.0

    /// Nothing known.
    init() {}

    /// What an earlier autoscaler knew.
    init(_ memory: ScalingMemory.Level, at now: Double) {
        gaps = memory.gaps
        saved = memory.saved
        savedWeight = memory.savedWeight
        lastNeed = memory.sinceNeed.map { now - $0 }
        if let savedNow = memory.savedNow { (isNeeded, self.savedNow) = (true, savedNow) }
    }

    /// To be kept.
    func memory(at now: Double) -> ScalingMemory.Level {
        ScalingMemory.Level(
            gaps: gaps, saved: saved, savedWeight: savedWeight, sinceNeed: lastNeed.map { max(0, now - $0) },
            savedNow: isNeeded ? savedNow : nil)
    }

    /// How many jobs a need brings in time; 1 while nobody knows.
    var savedPerNeed: Double { savedWeight > 0 ? saved / savedWeight : 1 }

    mutating func look(at now: Double, isNeeded: Bool, saving jobs: Double) {
        if isNeeded {
            if !self.isNeeded {
                if let lastNeed { gaps.record(now - lastNeed, keeping: Self.gapMemory) }
                self.isNeeded = true
                savedNow = 0
            }
            lastNeed = now
        } else if self.isNeeded, let lastNeed, now - lastNeed > Self.pause {
            self.isNeeded = false
            saved = saved * Self.savingMemory + savedNow
            savedWeight = savedWeight * Self.savingMemory + 1
        }
        if jobs > 0 { savedNow += jobs }
    }

    /// Forgets the need that runs: it was imagined from run times that nobody knew.
    mutating func forgetNeed() {
        isNeeded = false
        savedNow = 0
    }

    /// Whether it is still worth keeping when another start costs `price`, or was idle for less than `timeout`.
    func isKept(at now: Double, price: Double, timeout: Double?) -> Bool {
        guard let lastNeed else { return false }
        let idle = now - lastNeed
        if let timeout { return idle < max(timeout, 1) }
        let best = gaps.weight >= Self.minimumGaps ? gaps.bestTimeout(price: price) : price
        return idle <= max(Self.pause, best)
    }
}
