import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true))
struct JobTests {
    @Test func `a job that was never made is not found`() async throws {
        let corner = try await Corner.open()
        #expect(try await corner.queue.status(of: [999_999_999]).isEmpty)
        #expect(try await corner.queue.answer(of: 999_999_999) == nil)
        #expect(try await corner.queue.payload(of: 999_999_999) == nil)
        #expect(try await code { _ = try await corner.queue.cancel(999_999_999) } == .notFound)
        #expect(try await code { try await corner.queue.retry(999_999_999) } == .notFound)
    }

    @Test func `statuses come in the order asked`() async throws {
        let corner = try await Corner.open()
        let ids = try await corner.enqueue(5)
        let asked = [ids[3], 999_999_999, ids[0], ids[4]]
        #expect(try await corner.queue.status(of: asked).map(\.id) == [ids[3], ids[0], ids[4]])
    }

    @Test func `a queued job is cancelled at once`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        #expect(try await corner.queue.cancel(id, reason: "changed my mind") == .cancelled)
        let status = try await corner.status(id)
        #expect(status.state == .cancelled && status.errorMessage == "changed my mind" && status.attempt == 0)
        #expect(try await corner.claim(try await corner.worker()).isEmpty)
    }

    @Test func `a scheduled job is cancelled at once`() async throws {
        let corner = try await Corner.open()
        let id: Int64 = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{}', run_at => now() + interval '1 h')")
        #expect(try await corner.queue.cancel(id) == .cancelled)
        #expect(try await corner.state(id) == .cancelled)
    }

    @Test func `a job that was queued again is found and cancelled`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.enqueue(10)
        for _ in 0..<3 {
            let job = try await corner.claim(worker, 20).first { $0.id == id }
            try await corner.finish(worker, try #require(job), .retried)
        }
        #expect(try await corner.queue.cancel(id) == .cancelled)
        #expect(try await corner.status(id).attempt == 3)
    }

    @Test func `a running job's worker is told, by notification and heartbeat`() async throws {
        let (corner, listener) = (try await Corner.open(), try await Corner.connect())
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        _ = try await corner.claimOne(worker)
        try await listener.listen("sluice_worker_\(worker)")
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: [id]).cancelled == [])
        #expect(try await corner.queue.cancel(id) == .running)
        var notifications = listener.notifications.makeAsyncIterator()
        #expect(await notifications.next()?.channel == "sluice_worker_\(worker)")
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: [id]).cancelled == [id])
        #expect(try await corner.state(id) == .running)
    }

    @Test func `an ended job keeps its end`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        #expect(try await corner.queue.cancel(id) == .succeeded)
        #expect(try await code { try await corner.queue.retry(id) } == .notRetriable)
        #expect(try await corner.state(id) == .succeeded)
    }

    @Test func `a job that lives has nothing to retry`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        #expect(try await code { try await corner.queue.retry(id) } == .notRetriable)
    }

    @Test(arguments: [AttemptResult.Outcome.failed, .cancelled, .expired])
    func `a job that ended badly can be run again, with a new budget`(outcome: AttemptResult.Outcome) async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .retried)
        try await corner.finish(worker, try await corner.claimOne(worker), outcome)
        try await corner.queue.retry(id)
        #expect(try await corner.state(id) == .queued)
        let job = try await corner.claimOne(worker)
        #expect(job.id == id && job.attempt == 3 && job.failures == 0)
        try await corner.finish(worker, job, .succeeded)
        #expect(try await corner.state(id) == .succeeded)
        let attempts: [Int16] = try await corner.connection.values(
            "select attempt from sluice.attempt where id = \(id) order by attempt")
        #expect(attempts == [1, 2, 3])
    }

    @Test func `a cancelled job that never ran can be run after all`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        _ = try await corner.queue.cancel(id)
        try await corner.queue.retry(id)
        #expect(try await corner.claimOne(try await corner.worker()).attempt == 1)
    }

    @Test func `after its deadline a job cannot be run again`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        _ = try await corner.queue.cancel(id)
        try await corner.connection.execute(
            script: "update sluice.job set deadline_at = now() - interval '1 s' where id = \(id)")
        #expect(try await code { try await corner.queue.retry(id) } == .notRetriable)
        #expect(try await corner.state(id) == .cancelled)
    }

    @Test func `lists are newest first, filtered and paged`() async throws {
        let corner = try await Corner.open()
        let ids = try await corner.enqueue(10)
        let worker = try await corner.worker()
        let claimed = try await corner.claim(worker, 3).map(\.id)
        var filter = JobFilter()
        filter.model = corner.model
        #expect(try await corner.queue.jobs(filter).map(\.id) == ids.reversed())
        filter.state = .running
        #expect(Set(try await corner.queue.jobs(filter).map(\.id)) == Set(claimed))
        filter.state = .queued
        filter.limit = 4
        let page = try await corner.queue.jobs(filter).map(\.id)
        filter.before = page.last
        let rest = try await corner.queue.jobs(filter).map(\.id)
        #expect(page + rest == ids.filter { !claimed.contains($0) }.reversed())
        filter.limit = 0
        #expect(try await code { _ = try await corner.queue.jobs(filter) } == .invalidArgument)
        filter.limit = 10
        filter.model = "nobody"
        #expect(try await code { _ = try await corner.queue.jobs(filter) } == .unknownModel)
    }

    @Test(arguments: [JobState.scheduled, .succeeded, .failed, .cancelled, .expired, .quarantined])
    func `every state can be listed`(state: JobState) async throws {
        let corner = try await Corner.open()
        var filter = JobFilter()
        filter.state = state
        filter.model = corner.model
        #expect(try await corner.queue.jobs(filter).isEmpty)
    }
}
