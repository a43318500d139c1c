import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Races about a job and its second attempt: whatever happens, there is one result, nothing is left of the second attempt,
/// and nobody waits for somebody who waits for him.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HedgeRaceTests {
    private static let rounds = 60

    private typealias Step = @Sendable (Corner, HedgeTests.Pair, ClaimedJob, ClaimedJob) async throws -> Void

    /// Runs `left` and `right` at once for many jobs and their second attempts; afterwards each job has ended, as one of
    /// `states`.
    private func race(_ states: Set<JobState>, _ left: @escaping Step, _ right: @escaping Step) async throws {
        var pair = try await HedgeTests.open()
        try await pair.corner.set("ring_fill_pages", 0)
        let (one, two) = (try await pair.corner.another(), try await pair.corner.another())
        for _ in 0..<Self.rounds {
            let (job, twin) = try await pair.late()
            let now = pair
            try await withThrowingTaskGroup { group in
                group.addTask { try await left(one, now, job, twin) }
                group.addTask { try await right(two, now, job, twin) }
                try await group.waitForAll()
            }
            // What is left of either is ended.
            for worker in [pair.slow, pair.fast] {
                let isAlive: Bool = try await pair.corner.connection.value(
                    "select ended_at is null from sluice.worker where id = \(worker)")
                guard isAlive else { continue }
                _ = try await pair.corner.queue.workerReconnected(worker, direct: false, held: [])
            }
            pair = try await pair.withLiveWorkers()
            try await eventually("the job and its second attempt have ended") {
                _ = try await pair.corner.queue.tendHedges()
                for worker in [pair.slow, pair.fast] {
                    while let suspect = try await pair.corner.queue.claimSuspect(worker: worker) {
                        try await pair.corner.finish(worker, suspect, .succeeded)
                    }
                    for rest in try await pair.corner.claim(worker, 10) {
                        try await pair.corner.finish(worker, rest, .succeeded)
                    }
                }
                return try await !pair.outcome(job.id).hasSuffix("open")
            }
            #expect(states.contains(try await pair.corner.state(job.id)))
            #expect(try await pair.isGone(twin.id))
            if try await pair.outcome(job.id) == "won" {
                #expect(try await pair.corner.status(job.id).isHedged)
            }
        }
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `both answer`() async throws {
        try await race(
            [.succeeded],
            { corner, pair, job, _ in try await corner.finish(pair.slow, job, .succeeded) },
            { corner, pair, _, twin in try await corner.finish(pair.fast, twin, .succeeded) })
    }

    @Test(.database(migrated: true)) func `one is cancelled while the other answers`() async throws {
        try await race(
            [.succeeded, .cancelled],
            { corner, pair, job, _ in
                _ = try await corner.queue.cancel(job.id)
                try await corner.finish(pair.slow, job, .cancelled)
            },
            { corner, pair, _, twin in try await corner.finish(pair.fast, twin, .succeeded) })
    }

    @Test(.database(migrated: true)) func `one fails while the other answers`() async throws {
        try await race(
            [.succeeded],
            { corner, pair, job, _ in try await corner.finish(pair.slow, job, .retried) },
            { corner, pair, _, twin in try await corner.finish(pair.fast, twin, .succeeded) })
    }

    @Test(.database(migrated: true)) func `one loses its worker while the other answers`() async throws {
        try await race(
            [.succeeded],
            { corner, pair, _, _ in
                _ = try await corner.queue.workerEnded(pair.slow, orderly: false, cause: "a test")
            },
            { corner, pair, _, twin in try await corner.finish(pair.fast, twin, .succeeded) })
    }

    @Test(.database(migrated: true)) func `the other loses its worker while it answers`() async throws {
        try await race(
            [.succeeded],
            { corner, pair, _, twin in
                _ = try await corner.queue.workerEnded(pair.fast, orderly: false, cause: "a test", started: [twin.id])
            },
            { corner, pair, job, twin in
                try await corner.finish(pair.fast, twin, .succeeded)
                try await corner.finish(pair.slow, job, .succeeded)
            })
    }

    /// Each worker ends its own job and the second attempt of the other's, in one call.
    @Test(.database(migrated: true)) func `two workers end each other's second attempts`() async throws {
        let pair = try await HedgeTests.open()
        let other = try await pair.corner.another()
        for _ in 0..<Self.rounds {
            try await pair.corner.enqueue(1, priority: .interactive)
            let one = try await pair.corner.claimOne(pair.slow)
            try await pair.corner.enqueue(1, priority: .interactive)
            let two = try await pair.corner.claimOne(pair.fast)
            #expect(try await pair.hedge() == 2)
            let twinOfTwo = try await pair.corner.claimOne(pair.slow)
            let twinOfOne = try await pair.corner.claimOne(pair.fast)
            async let left = pair.corner.queue.finish(
                worker: pair.slow, [one.ended(.succeeded), twinOfTwo.ended(.succeeded)])
            async let right = other.queue.finish(
                worker: pair.fast, [two.ended(.succeeded), twinOfOne.ended(.succeeded)])
            // At most the second's own job was answered for it.
            #expect(try await left.count + right.count <= 2)
            #expect(try await pair.corner.state(one.id) == .succeeded)
            #expect(try await pair.corner.state(two.id) == .succeeded)
            for twin in [twinOfOne, twinOfTwo] {
                try await eventually("nothing is left") {
                    _ = try await pair.corner.queue.tendHedges()
                    return try await pair.isGone(twin.id)
                }
            }
        }
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a job ends while its second attempt begins`() async throws {
        let pair = try await HedgeTests.open()
        let other = try await pair.corner.another()
        let model = try await pair.corner.modelID
        for _ in 0..<Self.rounds {
            try await pair.corner.enqueue(1, priority: .interactive)
            let job = try await pair.corner.claimOne(pair.slow)
            async let hedged = other.queue.hedge(epoch: pair.epoch, model: model, heldFor: .zero, limit: 10)
            async let refused = pair.corner.queue.finish(worker: pair.slow, [job.ended(.succeeded)])
            #expect(try await 0...1 ~= hedged)
            #expect(try await refused.isEmpty)
            #expect(try await pair.corner.claim(pair.fast, 10).isEmpty)
        }
        #expect(try await pair.corner.violations() == [])
    }
}

extension HedgeTests.Pair {
    /// The pair with new workers for those that have ended.
    func withLiveWorkers() async throws -> Self {
        func live(_ worker: Int64, _ name: String) async throws -> Int64 {
            let isAlive: Bool = try await corner.connection.value(
                "select ended_at is null from sluice.worker where id = \(worker)")
            return isAlive ? worker : try await corner.worker(of: name)
        }
        return Self(
            corner: corner, names: names, epoch: epoch, slow: try await live(slow, names[0]),
            fast: try await live(fast, names[1]))
    }
}
