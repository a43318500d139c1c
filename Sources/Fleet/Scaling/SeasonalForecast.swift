/// What the same ten minutes of earlier days needed: the upper quartile of the last seven days, the slots beside it
/// included. It is believed only while over the last day it was a better upper quartile than what is known without days: "as
/// in the last ten minutes", and the upper quartile of the last two hours. Better is the smaller pinball loss, which the true
/// quantile has least of: a worker missing weighs three times as much as one too many. (By the plain error nothing that
/// foresees a rise, and allows for its coming some minutes early or late, is better than a guess that misses each.)
struct SeasonalForecast: Sendable, Hashable, Codable {
    private static let slotSeconds = 600.0
    private static let slotCount = 144
    private static let days = 7
    /// It must have seen so many days of a slot.
    private static let minimumDays = 2
    /// Its loss must be below this part of either other's.
    private static let skill = 0.95
    private static let recentSlots = 12
    private static let quantile = 0.75
    private static let memoryPerSlot = 1 - 1.0 / 144

    /// The most workers needed in each slot of a day, the latest day first.
    private var history: [[Int]] = Array(repeating: [], count: Self.slotCount)
    private var slot: Int?
    private var most = 0
    private var isSpoilt = false
    /// What the last two hours' slots needed, the latest first.
    private var recent: [Int] = []
    private var lossOfForecast = 0.0
    private var lossOfPersistence = 0.0
    private var lossOfRecent = 0.0
    private var judged = 0.0

    /// Whether it has the slots of this version.
    var isWhole: Bool {
        history.count == Self.slotCount && slot.map { history.indices.contains($0) } ?? true
            && (history + [recent, [most]]).allSatisfy { $0.allSatisfy { 0..<1 << 32 ~= $0 } }
    }

    /// A look at second `now` (since 1970) needed so many; slots with an anomaly teach nothing.
    mutating func look(at now: Double, needed: Int, isAnomalous: Bool) {
        let current = Self.slot(at: now)
        if let slot, slot != current {
            if !isSpoilt {
                if let foretold = value(slot: slot), let last = recent.first {
                    Self.add(Self.loss(foretold, most), to: &lossOfForecast)
                    Self.add(Self.loss(last, most), to: &lossOfPersistence)
                    Self.add(Self.loss(Self.upperQuartile(recent), most), to: &lossOfRecent)
                    Self.add(1, to: &judged)
                }
                history[slot].insert(most, at: 0)
                if history[slot].count > Self.days { history[slot].removeLast() }
            }
            recent.insert(most, at: 0)
            if recent.count > Self.recentSlots { recent.removeLast() }
            most = 0
            isSpoilt = false
        }
        slot = current
        most = max(most, needed)
        if isAnomalous { isSpoilt = true }
    }

    /// Whether it is believed.
    var hasSkill: Bool {
        judged >= 36 && lossOfForecast < Self.skill * min(lossOfPersistence, lossOfRecent)
    }

    /// What the time until `end` (seconds since 1970) will need; 0 while it is not believed.
    func needed(from now: Double, until end: Double) -> Int {
        guard hasSkill else { return 0 }
        var most = 0
        for time in stride(from: now, through: max(now, end), by: Self.slotSeconds) {
            most = max(most, value(slot: Self.slot(at: time)) ?? 0)
        }
        return max(most, value(slot: Self.slot(at: end)) ?? 0)
    }

    private func value(slot: Int) -> Int? {
        guard history[slot].count >= Self.minimumDays else { return nil }
        var seen: [Int] = []
        for near in slot - 1...slot + 1 { seen += history[(near + Self.slotCount) % Self.slotCount] }
        return Self.upperQuartile(seen)
    }

    private static func upperQuartile(_ counts: [Int]) -> Int {
        counts.sorted()[min(counts.count - 1, Int(Double(counts.count) * quantile))]
    }

    /// The pinball loss of having said `said` when `came` came.
    private static func loss(_ said: Int, _ came: Int) -> Double {
        came > said ? quantile * Double(came - said) : (1 - quantile) * Double(said - came)
    }

    private static func add(_ value: Double, to sum: inout Double) { sum = sum * memoryPerSlot + value }

    private static func slot(at second: Double) -> Int {
        let slot = Int((second / slotSeconds).rounded(.down)) % slotCount
        return slot < 0 ? slot + slotCount : slot
    }
}
