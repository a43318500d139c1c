/// What the same ten minutes of earlier days needed: the upper quartile of the last seven days, the slots beside it
/// included. It is believed only while over the last day it was nearer to what came than "as in the last ten minutes".
struct SeasonalForecast: Sendable, Hashable, Codable {
    private static let slotSeconds = 600.0
    private static let slotCount = 144
    private static let days = 7
    /// It must have seen so many days of a slot.
    private static let minimumDays = 2
    /// Its error must be below this part of persistence's.
    private static let skill = 0.95
    private static let memoryPerSlot = 1 - 1.0 / 144

    /// The most workers needed in each slot of a day, the latest day first.
    private var history: [[Int]] = Array(repeating: [], count: Self.slotCount)
    private var slot: Int?
    private var most = 0
    private var isSpoilt = false
    private var persistence = 0
    private var errorOfForecast = 0.0
    private var errorOfPersistence = 0.0
    private var judged = 0.0

    /// A look at second `now` (since 1970) needed so many; slots with an anomaly teach nothing.
    mutating func look(at now: Double, needed: Int, isAnomalous: Bool) {
        let current = Self.slot(at: now)
        if let slot, slot != current {
            if !isSpoilt {
                if let foretold = value(slot: slot) {
                    errorOfForecast = errorOfForecast * Self.memoryPerSlot + Double((foretold - most).magnitude)
                    errorOfPersistence =
                        errorOfPersistence * Self.memoryPerSlot + Double((persistence - most).magnitude)
                    judged = judged * Self.memoryPerSlot + 1
                }
                history[slot].insert(most, at: 0)
                if history[slot].count > Self.days { history[slot].removeLast() }
            }
            persistence = most
            most = 0
            isSpoilt = false
        }
        slot = current
        most = max(most, needed)
        if isAnomalous { isSpoilt = true }
    }

    /// Whether it is believed.
    var hasSkill: Bool { judged >= 36 && errorOfForecast < Self.skill * errorOfPersistence }

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
        seen.sort()
        return seen[min(seen.count - 1, seen.count * 3 / 4)]
    }

    private static func slot(at second: Double) -> Int {
        let slot = Int((second / slotSeconds).rounded(.down)) % slotCount
        return slot < 0 ? slot + slotCount : slot
    }
}
