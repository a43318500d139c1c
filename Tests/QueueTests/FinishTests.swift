import Domain
import Postgres
import TestSupport
import Testing

@testable import Queue

@Suite(.database(migrated: true))
struct FinishTests {
    @Test(arguments: [
        (AttemptResult.Outcome.succeeded, JobState.succeeded), (.failed, .failed), (.cancelled, .cancelled),
        (.expired, .expired), (.retried, .queued), (.released, .queued),
    ])
    func `an outcome leads to its state`(outcome: AttemptResult.Outcome, state: JobState) async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        #expect(try await corner.finish(worker, try await corner.claimOne(worker), outcome))
        let status = try await corner.status(id)
        #expect(status.state == state && status.attempt == 1)
        #expect(status.worker == (state.isTerminal ? worker : nil))
        #expect(status.isUsageEstimated == nil)
        #expect(try await corner.queue.answer(of: id) == (outcome == .succeeded ? Array(#"{"ok":true}"#.utf8) : nil))
    }

    @Test func `a result holds what the worker said`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        var result = try await corner.claimOne(worker).ended(.failed)
        result.errorClass = .invalidRequest
        result.errorMessage = "no such field"
        result.usage = Usage(promptTokens: 7, completionTokens: 9, isEstimated: true)
        result.body = Array(#"{"error":1}"#.utf8)
        #expect(try await corner.queue.finish(worker: worker, [result]).isEmpty)
        let status = try await corner.status(id)
        #expect(status.errorClass == .invalidRequest && status.errorMessage == "no such field")
        #expect(status.promptTokens == 7 && status.completionTokens == 9 && status.deployment == corner.deployment)
        #expect(status.isUsageEstimated == true)
        #expect(try await corner.queue.results(of: [id]).first?.isUsageEstimated == true)
        #expect(try await corner.queue.answer(of: id) == Array(#"{"error":1}"#.utf8))
    }

    @Test func `answers that came too late are counted where operators look`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        for count in [1, 2] { try await corner.queue.endsRefused(worker: worker, count: count) }
        let counted: Int32 = try await corner.connection.value(
            "select refused_ends from sluice.worker_status where worker = \(worker)")
        #expect(counted == 3)
    }

    @Test func `all kinds of ends go in one batch`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(6)
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 6)
        let outcomes: [AttemptResult.Outcome] = [.succeeded, .failed, .cancelled, .expired, .retried, .released]
        // Not in the order of ids: the call sorts.
        let ends = zip(jobs, outcomes).map { $0.ended($1) }.reversed()
        #expect(try await corner.queue.finish(worker: worker, Array(ends)).isEmpty)
        let states = try await corner.queue.status(of: jobs.map(\.id)).map(\.state)
        #expect(states == [.succeeded, .failed, .cancelled, .expired, .queued, .queued])
    }

    @Test func `a stale attempt is refused and changes nothing`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let (one, two) = (try await corner.worker(), try await corner.worker())
        let stale = try await corner.claimOne(one)
        _ = try await corner.queue.workerEnded(one, orderly: false, cause: "test")
        let current = try await corner.claimOne(two)
        #expect(current.id == id && current.attempt == 2)
        #expect(
            try await corner.queue.finish(worker: one, [stale.ended(.failed)]) == [RefusedAttempt(job: id, attempt: 1)])
        #expect(try await corner.state(id) == .running)
        #expect(try await corner.finish(two, current, .succeeded))
        #expect(try await corner.finish(one, stale, .failed) == false)
        #expect(try await corner.state(id) == .succeeded)
    }

    @Test func `the right attempt of the wrong worker is refused`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue()
        let (one, two) = (try await corner.worker(), try await corner.worker())
        let job = try await corner.claimOne(one)
        #expect(try await corner.finish(two, job, .succeeded) == false)
        #expect(try await corner.state(job.id) == .running)
    }

    @Test func `a second end is refused and the first one stands`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue()
        let worker = try await corner.worker()
        let job = try await corner.claimOne(worker)
        #expect(try await corner.finish(worker, job, .succeeded))
        #expect(try await corner.finish(worker, job, .failed) == false)
        #expect(try await corner.state(job.id) == .succeeded)
    }

    @Test func `a stale end beside the right one in one call is refused`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue()
        let worker = try await corner.worker()
        let first = try await corner.claimOne(worker)
        try await corner.finish(worker, first, .retried)
        let second = try await corner.claimOne(worker)
        let refused = try await corner.queue.finish(worker: worker, [first.ended(.failed), second.ended(.succeeded)])
        #expect(refused == [RefusedAttempt(job: first.id, attempt: 1)])
        #expect(try await corner.state(first.id) == .succeeded)
    }

    @Test func `the refused do not hold up the others`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(3)
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 3)
        try await corner.finish(worker, jobs[1], .failed)
        let refused = try await corner.queue.finish(worker: worker, jobs.map { $0.ended(.succeeded) })
        #expect(refused.map(\.job) == [jobs[1].id])
        #expect(try await corner.queue.status(of: jobs.map(\.id)).map(\.state) == [.succeeded, .failed, .succeeded])
    }

    @Test func `a second result is impossible`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        let error = try await #require(throws: PostgresError.self) {
            try await corner.connection.execute(
                script: "insert into sluice.result (id, attempt, state) values (\(id), 9, 'failed')")
        }
        #expect(error.sqlState == "23505")
    }

    @Test func `a success without an answer is impossible`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue()
        let worker = try await corner.worker()
        var end = try await corner.claimOne(worker).ended(.succeeded)
        end.body = nil
        #expect(try await code { _ = try await corner.queue.finish(worker: worker, [end]) } == .database)
        #expect(try await corner.state(end.job) == .running)
    }

    @Test(arguments: [Array("{".utf8), [0x22, 0, 0x22], [0x22, 0xC3, 0x22]])
    func `an answer that cannot be stored ends nothing`(body: [UInt8]) async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(2)
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 2)
        var ends = jobs.map { $0.ended(.succeeded) }
        ends[1].body = body
        #expect(try await code { _ = try await corner.queue.finish(worker: worker, ends) } == .invalidData)
        #expect(try await corner.state(jobs[0].id) == .running)
    }

    @Test func `a retry with a delay is scheduled, and promoted when it is due`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .retried, delay: .seconds(3600))
        let status = try await corner.status(id)
        #expect(status.state == .scheduled && status.failures == 1 && status.attempt == 1)
        #expect(try await corner.claim(worker).isEmpty)
        try await corner.connection.execute(script: "update sluice.scheduled set due_at = now() where id = \(id)")
        #expect(try await corner.queue.promote(from: nil).promoted >= 1)
        let job = try await corner.claimOne(worker)
        #expect(job.id == id && job.attempt == 2 && job.failures == 1)
    }

    @Test func `a release counts as an attempt and not as a failure`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue()
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .released)
        let job = try await corner.claimOne(worker)
        #expect(job.attempt == 2 && job.failures == 0)
        try await corner.finish(worker, job, .retried)
        #expect(try await corner.claimOne(worker).failures == 1)
    }

    @Test(arguments: [AttemptResult.Outcome.retried, .released])
    func `a cancelled job is not queued again`(outcome: AttemptResult.Outcome) async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        let job = try await corner.claimOne(worker)
        #expect(try await corner.queue.cancel(id) == .running)
        #expect(try await corner.finish(worker, job, outcome, delay: .seconds(9)))
        #expect(try await corner.state(id) == .cancelled)
    }

    @Test func `an answer that came in spite of a cancel is an answer`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        let job = try await corner.claimOne(worker)
        _ = try await corner.queue.cancel(id)
        try await corner.finish(worker, job, .succeeded)
        #expect(try await corner.state(id) == .succeeded)
    }

    @Test func `a job stopped at its deadline is expired, whoever noticed first`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.deadline = nil }
        let worker = try await corner.worker()
        let job = try await corner.claimOne(worker)
        try await corner.connection.execute(
            script: """
                update sluice.job set deadline_at = now() - interval '1 s' where id = \(id);
                insert into sluice.deadline (deadline_at, id) values (now() - interval '1 s', \(id));
                """)
        #expect(try await corner.queue.expire() >= 1)
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: [id]).cancelled == [id])
        // The worker was told to stop it, and not why.
        try await corner.finish(worker, job, .cancelled)
        let status = try await corner.status(id)
        #expect(status.state == .expired && status.errorMessage?.contains("deadline") == true)
    }

    @Test func `attempts are on record, each with its end`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        for outcome in [AttemptResult.Outcome.retried, .released, .succeeded] {
            try await corner.finish(worker, try await corner.claimOne(worker), outcome)
        }
        let outcomes: [String] = try await corner.connection.values(
            "select outcome::text from sluice.attempt where id = \(id) order by attempt")
        #expect(outcomes == ["retried", "released", "succeeded"])
    }

    @Test func `counts of a batch are appended by outcome`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(5)
        let worker = try await corner.worker()
        // As if the jobs were a batch's.
        let jobs = try await corner.claim(worker, 5)
        try await corner.connection.execute(
            script: "update sluice.running set batch_id = 4711 where worker_id = \(worker)")
        let outcomes: [AttemptResult.Outcome] = [.succeeded, .succeeded, .failed, .retried, .released]
        _ = try await corner.queue.finish(worker: worker, zip(jobs, outcomes).map { $0.ended($1) })
        let deltas: [String] = try await corner.connection.values(
            "select state || ' ' || jobs from sluice.batch_delta where batch_id = 4711 order by state")
        #expect(deltas == ["succeeded 2", "failed 1"])
        try await corner.connection.execute(script: "delete from sluice.batch_delta where batch_id = 4711")
    }

    @Test func `nothing to end is no call`() async throws {
        let corner = try await Corner.open()
        #expect(try await corner.queue.finish(worker: 1, []).isEmpty)
    }
}
