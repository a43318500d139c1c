import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Models that answer in place of others.
@Suite(.timeLimit(.minutes(2))) struct FallbackTests {
    /// A model with one attempt, and a stand-in with a worker.
    private func open() async throws -> (corner: Corner, worker: Int64, other: Corner, standIn: Int64) {
        let (corner, other) = (try await Corner.open(), try await Corner.open())
        try await corner.queue.putModel(corner.model, maximumAttempts: 1)
        let sentence = try await corner.queue.perform(
            .setFallbacks(model: corner.model, [other.model]), why: "a test")
        #expect(sentence == "In place of \"\(corner.model)\" answer, in this order: \(other.model).")
        return (corner, try await corner.worker(), other, try await other.worker())
    }

    @Test(.database(migrated: true)) func `a job that has used up its attempts goes to the stand-in, and says so`()
        async throws
    {
        let (corner, worker, other, standIn) = try await open()
        let id = try await corner.enqueue()
        try await corner.finish(worker, try await corner.claimOne(worker), .failed)
        #expect(try await corner.state(id) == .queued)
        let again = try await other.claimOne(standIn)
        #expect(again.id == id && again.attempt == 2 && again.failures == 0)
        try await other.finish(standIn, again, .succeeded)
        let status = try await corner.status(id)
        #expect(status.state == .succeeded && status.model == corner.model && status.servedBy == other.model)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a stand-in answers as the arm of the job's experiment would have`()
        async throws
    {
        let (corner, worker, other, standIn) = try await open()
        let arms =
            #"[{"name": "a", "percent": 50, "prompt_prefix": "Be kind."}, {"name": "b", "percent": 50, "prompt_prefix": "Be kind."}]"#
        _ = try await corner.queue.perform(
            .startExperiment(.init("kind \(corner.model)", model: corner.model, arms: Array(arms.utf8))), why: nil)
        try await corner.enqueue()
        let job = try await corner.claimOne(worker)
        #expect(job.treatment != nil)
        try await corner.finish(worker, job, .failed)
        #expect(try await other.claimOne(standIn).treatment == job.treatment)
        // The stand-in's own jobs have none.
        try await other.enqueue()
        #expect(try await other.claimOne(standIn).treatment == nil)
    }

    @Test(.database(migrated: true)) func `the chain ends, and callers' faults are nobody else's to answer`()
        async throws
    {
        let (corner, worker, other, standIn) = try await open()
        _ = try await other.queue.perform(.setFallbacks(model: other.model, [corner.model]), why: nil)
        let id = try await corner.enqueue()
        try await corner.finish(worker, try await corner.claimOne(worker), .failed)
        try await other.finish(standIn, try await other.claimOne(standIn), .failed)
        // Only the chain of the model that was asked for is followed.
        #expect(try await corner.state(id) == .failed)
        let bad = try await corner.enqueue()
        var end = try await corner.claimOne(worker).ended(.failed)
        end.errorClass = .invalidRequest
        #expect(try await corner.queue.finish(worker: worker, [end]).isEmpty)
        #expect(try await corner.state(bad) == .failed)
        #expect(try await corner.status(bad).servedBy == nil)
    }

    @Test(.database(migrated: true)) func `a job that waits for a stand-in is found by its id`() async throws {
        let (corner, worker, _, _) = try await open()
        let id = try await corner.enqueue()
        try await corner.finish(worker, try await corner.claimOne(worker), .failed)
        #expect(try await corner.queue.cancel(id) == .cancelled)
        try await corner.queue.retry(id)
        // Again with the model that was asked for.
        #expect(try await corner.claimOne(worker).id == id)
    }

    @Test(.database(migrated: true)) func `what nobody serves goes to the stand-in after a while, and no sooner`()
        async throws
    {
        let (corner, worker, other, standIn) = try await open()
        let jobs = try await corner.enqueue(5)
        _ = try await corner.queue.fallBack()
        #expect(try await other.claim(standIn, 10).isEmpty)
        _ = try await corner.queue.workerEnded(worker, orderly: true, cause: "a test", started: nil)
        _ = try await corner.queue.fallBack()
        #expect(try await other.claim(standIn, 10).isEmpty)
        try await corner.connection.execute(
            script: """
                update sluice.model set unserved_since = unserved_since - interval '1 minute' where name = '\(corner.model)'
                """)
        #expect(try await corner.queue.fallBack() >= 5)
        #expect(Set(try await other.claim(standIn, 10).map(\.id)) == Set(jobs))
        // Served again, it keeps its own.
        let back = try await corner.worker()
        _ = try await corner.queue.fallBack()
        try await corner.enqueue(3)
        _ = try await corner.queue.fallBack()
        #expect(try await corner.claim(back, 10).count == 3)
    }

    @Test(.database(migrated: true)) func `chains that cannot be are refused`() async throws {
        let corner = try await Corner.open()
        for names in [[corner.model], ["a", "a"], ["a", "b", "c", "d", "e"]] {
            #expect(
                try await code {
                    _ = try await corner.queue.perform(.setFallbacks(model: corner.model, names), why: nil)
                } == .invalidArgument)
        }
        #expect(
            try await code {
                _ = try await corner.queue.perform(.setFallbacks(model: corner.model, ["no such model"]), why: nil)
            } == .unknownModel)
        #expect(try await corner.queue.perform(.setFallbacks(model: corner.model, []), why: nil).hasPrefix("Nobody"))
    }
}
