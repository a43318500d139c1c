import Domain
import Postgres
import Queue
import Synchronization
import TestSupport

/// Several workers at one queue, some of which are declared dead without noticing, while jobs are cancelled and rings are
/// swept: everything that happens to the clients is written down.
final class Chaos: Sendable {
    private struct State {
        var events: [HistoryEvent] = []
        var workers: [Int64] = []
        var jobs: [Int64] = []
        var claimers = 0
    }

    private let corner: Corner
    private let total: Int
    private let seed: UInt64
    /// Where late jobs get a second attempt: the deployments of the model; empty: nowhere.
    private let hedging: [String]
    private let state = Mutex(State())

    init(_ corner: Corner, jobs: Int, seed: UInt64, hedging: [String] = []) {
        self.corner = corner
        self.hedging = hedging
        total = jobs
        self.seed = seed
    }

    /// Runs until every job has ended, and returns what happened.
    func run() async throws -> [HistoryEvent] {
        let claimers = 4
        state.withLock { $0.claimers = claimers }
        try await beLate(try await corner.another())
        if !hedging.isEmpty { try await beOvertaken(try await corner.another()) }
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.produce(try await self.corner.another()) }
            for number in 0..<claimers {
                group.addTask {
                    try await self.work(
                        try await self.corner.another(), SeededNumbers(self.seed &* 31 &+ UInt64(number)))
                }
            }
            group.addTask { try await self.disturb(try await self.corner.another(), SeededNumbers(self.seed ^ 0xFFFF)) }
            try await group.waitForAll()
        }
        let ends = try await corner.connection.query(Statement("ends", "select id, attempt, state from sluice.result"))
        for row in ends {
            let state = JobState(rawValue: try row.decode(2, as: String.self))
            record([.stored(job: try row.decode(0), attempt: try row.decode(1), state: state ?? .queued)])
        }
        return state.withLock { $0.events }
    }

    private func record(_ events: [HistoryEvent]) { state.withLock { $0.events += events } }

    private static let lateJobs = 5

    /// What else happens depends on the machine as well; this is certain: a worker ends jobs that another runs by now.
    private func beLate(_ corner: Corner) async throws {
        let ids = try await corner.enqueue(Self.lateJobs)
        record(ids.map { .acknowledged(job: $0) })
        var random = SeededNumbers(seed ^ 0x1A7E)
        var holders: [(worker: Int64, jobs: [ClaimedJob])] = []
        for _ in 0..<2 {
            if let late = holders.first?.worker {
                record([.leasesLost(worker: late)])
                _ = try await corner.queue.workerEnded(late, orderly: false, cause: "chaos")
            }
            let worker = try await corner.worker()
            let jobs = try await corner.claim(worker, Self.lateJobs)
            record(jobs.map { .claimed(job: $0.id, attempt: $0.attempt, worker: worker) })
            holders.append((worker, jobs))
        }
        for holder in holders { try await finish(corner, holder.worker, holder.jobs, &random) }
    }

    /// This is certain, too: a second attempt answers while the first still runs.
    private func beOvertaken(_ corner: Corner) async throws {
        let workers = [try await corner.worker(of: hedging[0]), try await corner.worker(of: hedging[1])]
        let job = try await corner.enqueue { $0.priority = .interactive }
        let first = try await corner.claimOne(workers[0])
        record([.acknowledged(job: job), .claimed(job: job, attempt: first.attempt, worker: workers[0])])
        try await hedge(corner)
        let twin = try await corner.claimOne(workers[1])
        _ = try await corner.finish(workers[1], twin, .succeeded)
        record([.overtaken(job: job)])
        if try await !corner.finish(workers[0], first, .succeeded) {
            record([.finishRefused(job: job, attempt: first.attempt, worker: workers[0])])
        }
    }

    private func produce(_ corner: Corner) async throws {
        var random = SeededNumbers(seed ^ 0xABCD)
        var made = Self.lateJobs + (hedging.isEmpty ? 0 : 1)
        while made < total {
            let count = min(total - made, Int.random(in: 1...40, using: &random))
            let first: Priority = hedging.isEmpty ? .normal : .interactive
            let ids = try await corner.enqueue(count, priority: Bool.random(using: &random) ? first : .batch)
            record(ids.map { .acknowledged(job: $0) })
            state.withLock { $0.jobs += ids }
            made += count
        }
    }

    // MARK: Workers

    private func work(_ corner: Corner, _ random: SeededNumbers) async throws {
        var random = random
        var held: [ClaimedJob] = []
        var worker = try await register(corner)
        while true {
            var jobs: [ClaimedJob] = []
            let holder = worker
            do {
                if Int.random(in: 0..<5, using: &random) == 0,
                    let suspect = try await corner.queue.claimSuspect(worker: worker)
                {
                    jobs.append(suspect)
                }
                jobs += try await corner.claim(worker, Int.random(in: 1...10, using: &random))
            } catch let error as QueueError where error.code == .workerDead {
                // A suspect may have been claimed just before its end.
                try await recordClaims(corner, jobs, of: holder)
                // It has been dead for a while, and still finishes what it held.
                try await finish(corner, holder, held + jobs, &random)
                (held, jobs) = ([], [])
                worker = try await register(corner)
            }
            try await recordClaims(corner, jobs, of: holder)
            held += jobs
            held.shuffle(using: &random)
            let count = jobs.isEmpty ? held.count : Int.random(in: 0...held.count, using: &random)
            try await finish(corner, worker, Array(held.prefix(count)), &random)
            held.removeFirst(count)
            if jobs.isEmpty, try await hasEnded(corner) { break }
        }
        state.withLock { $0.claimers -= 1 }
    }

    private func recordClaims(_ corner: Corner, _ jobs: [ClaimedJob], of worker: Int64) async throws {
        record(
            try await withoutTwins(corner, jobs).map { .claimed(job: $0.id, attempt: $0.attempt, worker: worker) })
    }

    private func register(_ corner: Corner) async throws -> Int64 {
        let number = state.withLock { $0.workers.count }
        let worker = try await corner.worker(of: hedging.isEmpty ? nil : hedging[number % hedging.count])
        state.withLock { $0.workers.append(worker) }
        return worker
    }

    /// Those that are no second attempts of others.
    private func withoutTwins(_ corner: Corner, _ jobs: [ClaimedJob]) async throws -> [ClaimedJob] {
        if hedging.isEmpty || jobs.isEmpty { return jobs }
        let twins: Set<Int64> = Set(
            try await corner.connection.query(
                Statement("twins", "select h.twin_id from sluice.hedge h where h.twin_id = any ($1)"), jobs.map(\.id)
            ).map { try $0.decode(0) })
        return jobs.filter { !twins.contains($0.id) }
    }

    /// Jobs that one of `ends` has answered as their second attempt.
    private func overtaken(_ corner: Corner, by ends: [AttemptResult]) async throws -> [Int64] {
        if hedging.isEmpty || ends.isEmpty { return [] }
        return try await corner.connection.query(
            Statement(
                "overtaken", "select h.job_id from sluice.hedge h where h.twin_id = any ($1) and h.outcome = 'won'"),
            ends.map(\.job)
        ).map { try $0.decode(0) }
    }

    private func finish(
        _ corner: Corner, _ worker: Int64, _ jobs: [ClaimedJob], _ random: inout SeededNumbers
    ) async throws {
        if jobs.isEmpty { return }
        let ends = jobs.map { job in
            switch Int.random(in: 0..<20, using: &random) {
            case 0: job.ended(.failed)
            case 1: job.ended(.retried)
            case 2: job.ended(.retried, delay: .milliseconds(1))
            case 3: job.ended(.released)
            case 4: job.ended(.cancelled)
            default: job.ended(.succeeded)
            }
        }
        let refused = Set(try await corner.queue.finish(worker: worker, ends).map(\.job))
        record(
            try await overtaken(corner, by: ends.filter { !refused.contains($0.job) && $0.outcome == .succeeded }).map {
                .overtaken(job: $0)
            })
        let own = Set(try await withoutTwins(corner, jobs).map(\.id))
        // One that was told to stop ends, whatever the worker wanted: that shows in what is stored.
        let again = ends.filter { !refused.contains($0.job) && ($0.outcome == .retried || $0.outcome == .released) }
        let stopped: Set<Int64> = Set(
            try await corner.connection.query(
                Statement(
                    "stopped",
                    "select r.id from sluice.result r where r.id = any ($1) and r.worker_id = $2 and not r.hedged"),
                again.map(\.job), worker
            ).map { try $0.decode(0) })
        record(
            ends.filter { own.contains($0.job) }.map { end in
                if refused.contains(end.job) {
                    return .finishRefused(job: end.job, attempt: end.attempt, worker: worker)
                }
                let isGivenBack = end.outcome == .retried || end.outcome == .released
                return .finishAccepted(
                    job: end.job, attempt: end.attempt, worker: worker,
                    isLast: !isGivenBack || stopped.contains(end.job))
            })
    }

    private func hasEnded(_ corner: Corner) async throws -> Bool {
        _ = try await corner.queue.promote(from: nil)
        let ended: Int64 = try await corner.connection.value("select count(*) from sluice.result")
        if Int(ended) == total { return true }
        _ = try await corner.connection.value("select pg_sleep(0.002)::text", as: String.self)
        return false
    }

    // MARK: Disturbances

    private func disturb(_ corner: Corner, _ random: SeededNumbers) async throws {
        var random = random
        while state.withLock({ $0.claimers > 0 }) {
            if !hedging.isEmpty { try await hedge(corner) }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: try await kill(corner, &random)
            case 1...2: try await cancel(corner, &random)
            case 3...5: _ = try await corner.queue.sweep()
            case 6: _ = try await corner.queue.promote(from: nil)
            default:
                // What the reaper does after a second: a claim of the dead may have committed after their end.
                try await corner.connection.execute(
                    script: """
                        select sluice.return_leases(w.id, null, 'worker_lost', 'late') from sluice.worker w
                        where w.ended_at is not null
                        """)
            }
        }
    }

    private func hedge(_ corner: Corner) async throws {
        let epoch: Int64 = try await corner.connection.value("select epoch from sluice.controller")
        _ = try await corner.queue.hedge(epoch: epoch, model: try await corner.modelID, heldFor: .zero, limit: 20)
        _ = try await corner.queue.tendHedges()
    }

    private func kill(_ corner: Corner, _ random: inout SeededNumbers) async throws {
        let workers = state.withLock { $0.workers }
        guard let worker = workers.suffix(6).randomElement(using: &random) else { return }
        // Written down first: nobody may be told of the loss before.
        record([.leasesLost(worker: worker)])
        var started: [Int64]?
        if Int.random(in: 0..<3, using: &random) == 0 {
            started = try await corner.connection.values(
                "select id from sluice.running where worker_id = \(worker) limit 3")
        }
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "chaos", started: started)
    }

    private func cancel(_ corner: Corner, _ random: inout SeededNumbers) async throws {
        guard let job = state.withLock({ $0.jobs }).suffix(200).randomElement(using: &random) else { return }
        let before = try await corner.state(job)
        let after = try await corner.queue.cancel(job)
        // Only one that had no result before was ended by us.
        if after == .cancelled, !before.isTerminal, try await isOurs(corner, job) { record([.cancelled(job: job)]) }
    }

    /// Whether the job was ended outside an attempt.
    private func isOurs(_ corner: Corner, _ job: Int64) async throws -> Bool {
        try await corner.connection.value("select worker_id is null from sluice.result where id = \(job)")
    }
}
