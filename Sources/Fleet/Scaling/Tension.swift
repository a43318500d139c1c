/// How much more than the least must be paid to reach the attainment, 0 to 1: rises with jobs that start late, falls with
/// those in time, so that the part in time settles at what the rule asks for. The integral part of a controller, as the
/// dual variable of an online optimisation under a constraint.
struct Tension: Sendable, Hashable, Codable {
    /// It aims at this part of the misses that are allowed, because it forgets a little.
    private static let aim = 0.8
    /// One day's jobs, all late, would move it so many times from 0 to 1.
    private static let gain = 50.0
    /// Jobs a day it takes for granted, so that the first few do not move it much.
    private static let minimumVolume = 500.0
    private static let day = 86_400.0
    private static let forgettingPerDay = 0.1

    private(set) var value = 0.0
    /// Jobs of the last day, decayed.
    private var volume = 0.0

    /// Time passes and jobs start. Those that nobody could have helped (`isExcused`) only count as volume.
    mutating func look(
        seconds: Double, inTime: Int, late: Int, attainment: Double, isExcused: Bool
    ) {
        let jobs = Double(inTime + late)
        volume += jobs - volume * min(1, seconds / Self.day)
        if !isExcused, jobs > 0 {
            let allowed = (1 - attainment) * Self.aim * jobs
            value += Self.gain * (Double(late) - allowed) / (volume + Self.minimumVolume)
        }
        value = min(max(value, 0), 1) * (1 - min(1, seconds / Self.day * Self.forgettingPerDay))
    }

    /// The part of the objective that jobs may wait in the imagined queues: all of it, down to a twentieth.
    var patience: Double { max(0.05, (-4.6 * value).exponential) }
    /// The part of the price of a miss that is paid: a twelfth, up to all of it.
    var price: Double { (2.484_906_649_788 * (value - 1)).exponential }
}
