/// One imagined queue for each number of workers, all fed by the arrivals that were really seen: what would have happened
/// with 1, 2, 3 … workers that are always there.
///
/// From them follows at any moment, whatever the real fleet did, how many workers would have been enough for the
/// objective, and how many jobs each further one would have brought in time. Each is an exact first-come queue (Kiefer and
/// Wolfowitz 1955): the times at which its slots are free. A job's run time is not known when it comes; one of those last
/// seen is drawn for it, the same for all queues, by a generator with a fixed seed: the same looks, the same levels.
struct LevelQueues: Sendable {
    /// Workers per level: 1 up to `levelLimit` workers.
    let workersPerLevel: Int
    private let width: Int
    /// How many levels there are.
    let count: Int
    /// The times at which the slots of each queue are free, as binary heaps. Only of the levels up to the first in which
    /// nobody ever waited: those above would be the same, with more slots that were never used.
    private var free: [[Double]]
    /// Jobs that came and would have started late, for each queue.
    private(set) var late: [Double]
    private var state: UInt64 = 1
    /// The last run times, at most `sampleLimit`.
    private(set) var runTimes: [Double] = []
    private var nextSample = 0

    static let levelLimit = 128
    static let sampleLimit = 512
    /// With fewer run times a job is taken to run for `unknownRunTime` seconds: long, so that in doubt too many are started.
    static let knownSamples = 8
    static let unknownRunTime = 10.0

    init(maxWorkers: Int, slots: Int) {
        workersPerLevel = max(1, (maxWorkers + Self.levelLimit - 1) / Self.levelLimit)
        count = max(1, (maxWorkers + workersPerLevel - 1) / workersPerLevel)
        width = workersPerLevel * slots
        free = [Array(repeating: -.infinity, count: width)]
        late = Array(repeating: 0, count: count)
    }

    /// A job ended.
    mutating func learn(runTime: Double) {
        if runTimes.count < Self.sampleLimit { runTimes.append(runTime) } else { runTimes[nextSample] = runTime }
        nextSample = (nextSample + 1) % Self.sampleLimit
    }

    /// Whether enough jobs have ended to say how long one runs.
    var knowsRunTimes: Bool { runTimes.count >= Self.knownSamples }

    /// A job came: how many levels would have been enough for it to start within `patience` seconds, all if none.
    mutating func arrive(at now: Double, patience: Double) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let runTime = !knowsRunTimes ? Self.unknownRunTime : runTimes[Int((state >> 33) % UInt64(runTimes.count))]
        let limit = now + patience
        while let last = free.last, last[0] > now, free.count < count {
            // A rising array is a heap.
            free.append((Array(repeating: -.infinity, count: width) + last).sorted())
        }
        var needed = free.count
        for index in stride(from: free.count - 1, through: 0, by: -1) {
            let start = max(now, free[index][0])
            if start <= limit { needed = index + 1 } else { late[index] += 1 }
            Self.replaceFirst(&free[index], with: start + runTime)
        }
        return needed
    }

    private static func replaceFirst(_ heap: inout [Double], with value: Double) {
        heap.withUnsafeMutableBufferPointer { heap in
            var parent = 0
            let count = heap.count
            while true {
                var child = 2 * parent + 1
                if child >= count { break }
                if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
                if heap[child] >= value { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = value
        }
    }
}
