import Queue
import Testing

@testable import Worker

/// Random lives of a worker, with what must hold at every step.
struct WorkerHistoryTests {
    /// An end on its way to the database.
    private struct End: Hashable {
        var job: Int64
        var attempt: Int16
        /// Whether the job is queued again by it.
        var isRelease: Bool

        var result: AttemptResult {
            AttemptResult(job: job, attempt: attempt, outcome: isRelease ? .released : .succeeded)
        }
    }

    /// What the world beside the machine knows.
    private struct World {
        var machine: WorkerMachine
        let slots: Int
        var now = Duration.zero
        var nextJob: Int64 = 1
        /// In the database: the attempt each job is leased to the worker as.
        var leased: [Int64: Int16] = [:]
        /// In the database: jobs that may be leased, with the number of their last attempt.
        var ready: [Int64: Int16] = [:]
        /// In the database: jobs that have a result.
        var results: Set<Int64> = []
        /// In the worker: what waits for a slot, and what runs, as the attempt it ends as.
        var waiting: [Int64: Int16] = [:]
        var running: [Int64: Int16] = [:]
        /// Ends the worker has not sent.
        var ending: [End] = []
        /// Ends the database has seen, whose answer the worker has not.
        var sent: [End] = []
        var refused: [RefusedAttempt] = []
        var claiming: Int?
        var claimingSuspect = false
        var suspects: Set<Int64> = []
        /// How often a job was leased that was still here.
        var leasedAgain = 0
        var problems: [String] = []

        mutating func check(_ holds: Bool, _ rule: String) { if !holds { problems.append("\(rule) at \(now)") } }

        private func isOnItsWay(_ job: Int64, _ attempt: Int16) -> Bool {
            (ending + sent).contains { $0.job == job && $0.attempt == attempt }
        }

        private mutating func lease(_ job: Int64, _ attempt: Int16) -> ClaimedJob {
            leased[job] = attempt
            if running[job] != nil {
                running[job] = attempt
                leasedAgain += 1
            } else if isOnItsWay(job, attempt) {
                leasedAgain += 1
            } else {
                if waiting[job] != nil { leasedAgain += 1 }
                waiting[job] = attempt
            }
            return .sample(job, attempt: attempt, deadline: job.isMultiple(of: 5) ? 4000 : nil)
        }

        /// A claim of `count` jobs: what is queued again first, then new ones.
        mutating func lease(_ count: Int, onlyNew: Bool = false) -> [ClaimedJob] {
            (0..<count).map { _ in
                if !onlyNew, let (job, attempt) = ready.min(by: { $0.key < $1.key }) {
                    ready[job] = nil
                    return lease(job, attempt + 1)
                }
                defer { nextJob += 1 }
                return lease(nextJob, 1)
            }
        }

        /// The database crashes, and has forgotten some leases. Others may have tried those jobs before they come back.
        mutating func crash(_ random: inout Seeded) {
            for (job, attempt) in leased.sorted(by: { $0.key < $1.key }) where !suspects.contains(job) {
                guard Bool.random(using: &random) else { continue }
                leased[job] = nil
                ready[job] = Int.random(in: 0..<3, using: &random) == 0 ? attempt : attempt - 1
            }
        }

        mutating func giveBack(_ jobs: [(ClaimedJob, WorkerMachine.StopReason?)]) {
            for (job, reason) in jobs {
                check(running[job.id] == nil, "what runs is not given back")
                check(waiting.removeValue(forKey: job.id) == job.attempt, "what is given back waited")
                end(job.id, job.attempt, isRelease: reason == nil)
            }
        }

        mutating func end(_ job: Int64, _ attempt: Int16, isRelease: Bool = false) {
            check(!isOnItsWay(job, attempt), "an attempt ends once")
            ending.append(End(job: job, attempt: attempt, isRelease: isRelease))
        }

        /// The database sees the first of the ends.
        mutating func send(_ count: Int) {
            guard sent.isEmpty else { return }
            sent = Array(ending.prefix(count))
            ending.removeFirst(sent.count)
            for end in sent {
                guard leased[end.job] == end.attempt else {
                    refused.append(RefusedAttempt(job: end.job, attempt: end.attempt))
                    continue
                }
                leased[end.job] = nil
                if end.isRelease {
                    ready[end.job] = end.attempt
                } else {
                    check(results.insert(end.job).inserted, "a job has one result")
                }
            }
        }

        /// The worker hears what came of the ends it sent.
        mutating func hear() {
            let again = machine.finished(sent.map(\.result), refused: refused)
            ending += again.map { End(job: $0.job, attempt: $0.attempt, isRelease: $0.outcome == .released) }
            (sent, refused) = ([], [])
        }
    }

    @Test(arguments: 0..<100) func `every lease ends once, within the slots`(seed: Int) {
        #expect(life(seed).problems == [])
    }

    @Test func `these lives have leases the database forgot`() {
        #expect((0..<10).reduce(0) { $0 + life($1).leasedAgain } > 0)
    }

    private func life(_ seed: Int) -> World {
        var random = Seeded(UInt64(seed))
        let slots = Int.random(in: 1...6, using: &random)
        var world = World(machine: .sample(slots: slots), slots: slots)
        for _ in 0..<1500 { step(&world, &random) }
        // Then it drains, and everything that runs ends.
        world.giveBack(world.machine.drainRequested())
        finishClaims(&world, &random)
        world.giveBack(world.machine.drainRequested())
        for job in world.running.keys.sorted() { endRunning(job, &world) }
        world.hear()
        while !world.ending.isEmpty {
            world.send(world.ending.count)
            world.hear()
        }
        world.check(world.machine.startNext(at: world.now) == nil, "a draining worker starts nothing")
        world.check(world.machine.isIdle && world.machine.heldJobs.isEmpty, "nothing is left")
        world.check(world.leased.isEmpty, "every lease ended")
        return world
    }

    private func step(_ world: inout World, _ random: inout Seeded) {
        world.now += .milliseconds(Int.random(in: 0...50, using: &random))
        switch Int.random(in: 0..<24, using: &random) {
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
            world.check(world.waiting.removeValue(forKey: job.id) == job.attempt, "what is started waited")
            world.running[job.id] = job.attempt
            if !world.suspects.isDisjoint(with: world.running.keys) {
                world.check(world.running.count == 1, "a suspect runs alone")
            }
        case 12...14:
            if let job = world.running.keys.sorted().randomElement(using: &random) { endRunning(job, &world) }
        case 15...16: world.send(Int.random(in: 0...world.ending.count, using: &random))
        case 17:
            let cancelled = world.machine.heldJobs.shuffled(using: &random).prefix(1)
            let (stop, given) = world.machine.heartbeatReplied(
                WorkerMachine.reply(cancelled: Array(cancelled), suspects: Int.random(in: 0..<4, using: &random) == 0),
                at: world.now)
            world.check(Set(stop).isSubset(of: world.running.keys), "only what runs is stopped")
            world.giveBack(given)
        case 18:
            let stop = world.machine.timePassed(world.now)
            world.check(Set(stop).isSubset(of: world.running.keys), "only what runs is stopped")
            // These backends always stop at last.
            for job in world.machine.hung { endRunning(job, &world) }
        case 19...21: world.hear()
        case 22 where Int.random(in: 0..<4, using: &random) == 0: world.crash(&random)
        default: break
        }
        let here = Set(world.running.keys).union(world.waiting.keys)
        world.check(
            Set(world.machine.heldJobs) == here.union((world.ending + world.sent).map(\.job)), "it knows what it holds")
        world.check(Set(world.leased.keys).isSubset(of: world.machine.heldJobs), "no lease is forgotten")
        world.check(world.running.count <= world.slots, "no more run than there are slots")
    }

    private func finishClaims(_ world: inout World, _ random: inout Seeded) {
        if let limit = world.claiming {
            world.claiming = nil
            if Int.random(in: 0..<8, using: &random) == 0 {
                world.machine.claimFailed()
            } else {
                let before = world.running
                let jobs = world.lease(Int.random(in: 0...limit, using: &random))
                let renumbered = world.machine.claimReturned(
                    jobs, asked: limit, latency: .milliseconds(2), at: world.now)
                world.check(
                    Set(renumbered) == Set(before.keys.filter { before[$0] != world.running[$0] }),
                    "it says whose attempt has another number")
            }
        }
        if world.claimingSuspect {
            world.claimingSuspect = false
            let job = Bool.random(using: &random) ? world.lease(1, onlyNew: true).first : nil
            if let job { world.suspects.insert(job.id) }
            world.machine.suspectClaimed(job, at: world.now)
        }
    }

    private func endRunning(_ job: Int64, _ world: inout World) {
        guard let attempt = world.running.removeValue(forKey: job) else { return }
        world.check(world.machine.ended(job, at: world.now)?.job.attempt == attempt, "what runs can end")
        world.end(job, attempt)
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
