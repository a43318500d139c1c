import Queue
import Testing

@testable import Worker

/// Random lives of a worker, with what must hold at every step.
struct WorkerHistoryTests {
    /// What the world beside the machine knows.
    private struct World {
        var machine: WorkerMachine
        let slots: Int
        var now = Duration.zero
        var nextJob: Int64 = 1
        /// Leased to the worker, by attempt.
        var leased: Set<Int64> = []
        var running: Set<Int64> = []
        /// Ends on their way to the database.
        var ending: [Int64] = []
        var ended: Set<Int64> = []
        var claiming: Int?
        var claimingSuspect = false
        var suspects: Set<Int64> = []
        var problems: [String] = []

        mutating func check(_ holds: Bool, _ rule: String) { if !holds { problems.append("\(rule) at \(now)") } }

        mutating func lease(_ count: Int) -> [ClaimedJob] {
            (0..<count).map { _ in
                defer { nextJob += 1 }
                leased.insert(nextJob)
                return .sample(nextJob, deadline: nextJob.isMultiple(of: 5) ? 4000 : nil)
            }
        }

        mutating func giveBack(_ jobs: [(ClaimedJob, WorkerMachine.StopReason?)]) {
            for (job, _) in jobs {
                check(!running.contains(job.id), "what runs is not given back")
                end(job.id)
            }
        }

        mutating func end(_ job: Int64) {
            check(leased.contains(job) && ended.insert(job).inserted, "a job ends once")
            ending.append(job)
        }
    }

    @Test(arguments: 0..<100) func `every lease ends once, within the slots`(seed: Int) {
        var random = Seeded(UInt64(seed))
        let slots = Int.random(in: 1...6, using: &random)
        var world = World(machine: .sample(slots: slots), slots: slots)
        for _ in 0..<1500 { step(&world, &random) }
        // Then it drains, and everything that runs ends.
        world.giveBack(world.machine.drainRequested())
        finishClaims(&world, &random)
        world.giveBack(world.machine.drainRequested())
        for job in world.running.sorted() { endRunning(job, &world) }
        world.machine.finished(world.ending)
        world.check(world.machine.startNext(at: world.now) == nil, "a draining worker starts nothing")
        world.check(world.machine.isIdle && world.machine.heldJobs.isEmpty, "nothing is left")
        world.check(world.ended == world.leased, "every lease ended")
        #expect(world.problems == [])
    }

    private func step(_ world: inout World, _ random: inout Seeded) {
        world.now += .milliseconds(Int.random(in: 0...50, using: &random))
        switch Int.random(in: 0..<20, using: &random) {
        case 0...4 where world.claiming == nil && !world.claimingSuspect:
            let limit = world.machine.beginClaim()
            world.check(limit == nil || world.machine.phase == .running, "only a running worker claims")
            world.claiming = limit
            if world.machine.beginSuspectClaim() {
                world.check(
                    world.running.isEmpty && world.machine.heldJobs.isEmpty, "a suspect is claimed into an empty worker"
                )
                world.claimingSuspect = true
            }
        case 5...7: finishClaims(&world, &random)
        case 8...11:
            // A lane is free when fewer than all slots run.
            guard world.running.count < world.slots, let job = world.machine.startNext(at: world.now) else { break }
            world.check(!world.ended.contains(job.id), "what was given back is not started")
            world.running.insert(job.id)
            if !world.suspects.isDisjoint(with: world.running) {
                world.check(world.running.count == 1, "a suspect runs alone")
            }
        case 12...14:
            if let job = world.running.randomElement(using: &random) { endRunning(job, &world) }
        case 15...16:
            let count = Int.random(in: 0...world.ending.count, using: &random)
            world.machine.finished(Array(world.ending.prefix(count)))
            world.ending.removeFirst(count)
        case 17:
            let cancelled = world.machine.heldJobs.shuffled(using: &random).prefix(1)
            let (stop, given) = world.machine.heartbeatReplied(
                WorkerMachine.reply(cancelled: Array(cancelled), suspects: Int.random(in: 0..<4, using: &random) == 0),
                at: world.now)
            world.check(Set(stop).isSubset(of: world.running), "only what runs is stopped")
            world.giveBack(given)
        case 18:
            let stop = world.machine.timePassed(world.now)
            world.check(Set(stop).isSubset(of: world.running), "only what runs is stopped")
            // These backends always stop at last.
            for job in world.machine.hung { endRunning(job, &world) }
        default: break
        }
        world.check(
            Set(world.machine.heldJobs) == world.leased.subtracting(world.ended).union(world.ending),
            "it knows what it holds")
        world.check(world.running.count <= world.slots, "no more run than there are slots")
    }

    private func finishClaims(_ world: inout World, _ random: inout Seeded) {
        if let limit = world.claiming {
            world.claiming = nil
            if Int.random(in: 0..<8, using: &random) == 0 {
                world.machine.claimFailed()
            } else {
                let jobs = world.lease(Int.random(in: 0...limit, using: &random))
                world.machine.claimReturned(jobs, asked: limit, latency: .milliseconds(2), at: world.now)
            }
        }
        if world.claimingSuspect {
            world.claimingSuspect = false
            let job = Bool.random(using: &random) ? world.lease(1).first : nil
            if let job { world.suspects.insert(job.id) }
            world.machine.suspectClaimed(job, at: world.now)
        }
    }

    private func endRunning(_ job: Int64, _ world: inout World) {
        world.check(world.machine.ended(job, at: world.now) != nil, "what runs can end")
        world.running.remove(job)
        world.end(job)
    }
}

/// Numbers that are the same for the same seed (SplitMix64: Steele, Lea, Flood 2014).
private struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
