import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Seeded races of two calls about one job; whatever happens, the job ends once and its status is true.
@Suite(.serialized)
struct RaceTests {
    private static let rounds = 150

    /// Runs `left` and `right` at once, on connections of their own, for many jobs.
    private func race(
        prepare: (Corner, Int64, Int64) async throws -> Void = { _, _, _ in },
        _ left: @escaping @Sendable (Corner, Int64, Int64) async throws -> Void,
        _ right: @escaping @Sendable (Corner, Int64, Int64) async throws -> Void,
        judge: (Corner, Int64, Int64) async throws -> Void
    ) async throws {
        let corner = try await Corner.open()
        try await corner.set("ring_fill_pages", 0)
        let (one, two) = (try await corner.another(), try await corner.another())
        let worker = try await corner.worker()
        for _ in 0..<Self.rounds {
            let id = try await corner.enqueue()
            try await prepare(corner, worker, id)
            try await withThrowingTaskGroup { group in
                group.addTask { try await left(one, worker, id) }
                group.addTask { try await right(two, worker, id) }
                try await group.waitForAll()
            }
            try await judge(corner, worker, id)
        }
        #expect(try await corner.violations() == [])
    }

    /// Ends what is left running of the job.
    private func settle(_ corner: Corner, _ worker: Int64, _ id: Int64) async throws {
        _ = try await corner.queue.workerReconnected(worker, direct: false, held: [])
        for job in try await corner.claim(worker, 10) { try await corner.finish(worker, job, .succeeded) }
        #expect(try await corner.state(id).isTerminal)
    }

    @Test(.database(migrated: true)) func `cancel and claim`() async throws {
        try await race(
            { corner, _, id async throws in
                let state = try await corner.queue.cancel(id)
                #expect(state == .cancelled || state == .running)
            },
            { corner, worker, id async throws in
                for job in try await corner.claim(worker) { try await corner.finish(worker, job, .retried) }
            },
            judge: settle)
    }

    @Test(.database(migrated: true)) func `cancel and finish`() async throws {
        try await race(
            prepare: { corner, worker, _ async throws in _ = try await corner.claimOne(worker) },
            { corner, _, id async throws in
                let state = try await corner.queue.cancel(id)
                #expect(state == .cancelled || state == .running)
            },
            { corner, worker, id async throws in
                let end = AttemptResult(job: id, attempt: 1, outcome: .retried)
                #expect(try await corner.queue.finish(worker: worker, [end]).isEmpty)
            },
            // Whichever came first: it must not run again.
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .cancelled) })
    }

    @Test(.database(migrated: true)) func `cancel and promote`() async throws {
        try await race(
            prepare: { corner, worker, id async throws in
                try await corner.finish(worker, try await corner.claimOne(worker), .retried, delay: .seconds(60))
                try await corner.connection.execute(
                    script: "update sluice.scheduled set due_at = now() where id = \(id)")
            },
            { corner, _, id async throws in #expect(try await corner.queue.cancel(id) == .cancelled) },
            { corner, _, _ async throws in _ = try await corner.queue.promote(from: nil) },
            judge: { corner, worker, id async throws in
                #expect(try await corner.state(id) == .cancelled)
                #expect(try await corner.claim(worker).isEmpty)
            })
    }

    @Test(.database(migrated: true)) func `cancel and sweep`() async throws {
        try await race(
            { corner, _, id async throws in #expect(try await corner.queue.cancel(id) == .cancelled) },
            { corner, _, _ async throws in for _ in 0..<3 { _ = try await corner.queue.sweep() } },
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .cancelled) })
    }

    @Test(.database(migrated: true)) func `finish and sweep`() async throws {
        try await race(
            prepare: { corner, worker, _ async throws in _ = try await corner.claimOne(worker) },
            { corner, worker, id async throws in
                let end = AttemptResult(job: id, attempt: 1, outcome: .succeeded, body: Array("{}".utf8))
                #expect(try await corner.queue.finish(worker: worker, [end]).isEmpty)
            },
            { corner, _, _ async throws in for _ in 0..<3 { _ = try await corner.queue.sweep() } },
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .succeeded) })
    }

    @Test(.database(migrated: true)) func `cancel and the end of the worker`() async throws {
        try await race(
            prepare: { corner, worker, _ async throws in _ = try await corner.claimOne(worker) },
            { corner, _, id async throws in
                let state = try await corner.queue.cancel(id)
                #expect(state == .cancelled || state == .running)
            },
            { corner, worker, _ async throws in
                #expect(try await corner.queue.workerReconnected(worker, direct: false, held: []))
            },
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .cancelled) })
    }

    @Test(.database(migrated: true)) func `two cancels`() async throws {
        try await race(
            { corner, _, id async throws in #expect(try await corner.queue.cancel(id) == .cancelled) },
            { corner, _, id async throws in #expect(try await corner.queue.cancel(id) == .cancelled) },
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .cancelled) })
    }

    @Test(.database(migrated: true)) func `two retries`() async throws {
        try await race(
            prepare: { corner, _, id async throws in _ = try await corner.queue.cancel(id) },
            { corner, _, id async throws in
                let refused = try await code { try await corner.queue.retry(id) }
                #expect(refused == nil || refused == .notRetriable)
            },
            { corner, _, id async throws in
                let refused = try await code { try await corner.queue.retry(id) }
                #expect(refused == nil || refused == .notRetriable)
            },
            judge: { corner, worker, id async throws in
                #expect(try await corner.state(id) == .queued)
                #expect(try await corner.claim(worker, 10).map(\.id) == [id])
                try await settle(corner, worker, id)
            })
    }

    @Test(.database(migrated: true)) func `a status is always true enough`() async throws {
        try await race(
            prepare: { corner, _, _ async throws in
                // More are retried here than the budget of a model allows: one that is spent would back off.
                try await corner.connection.execute(script: "delete from sluice.retry_budget")
            },
            { corner, worker, id async throws in
                for job in try await corner.claim(worker) {
                    try await corner.finish(worker, job, .retried)
                }
                for job in try await corner.claim(worker) {
                    try await corner.finish(worker, job, .succeeded)
                }
            },
            { corner, _, id async throws in
                var seen: [JobState] = []
                while seen.last != .succeeded {
                    let state = try await corner.state(id)
                    try #require([.queued, .running, .succeeded].contains(state))
                    seen.append(state)
                }
            },
            judge: { corner, _, id async throws in #expect(try await corner.state(id) == .succeeded) })
    }
}
