import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// How many retries a model may make at once, all its workers together.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RetryBudgetTests {
    /// A model of two deployments, whose first has two workers, with an allowance of ten and next to nothing with time.
    private func open() async throws -> (corner: Corner, workers: [Int64]) {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await corner.connection.execute(
            script: "update sluice.setting set value = 1 where name = 'retries_per_second'")
        _ = try await corner.worker(of: names[1])
        return (corner, [try await corner.worker(), try await corner.worker()])
    }

    /// Claims so many jobs for each worker and has them retried in an hour, or at once where another could have them.
    /// Returns how many of each had to wait.
    private func fail(_ corner: Corner, _ workers: [Int64], _ count: Int) async throws -> [Int] {
        try await corner.enqueue(count * workers.count)
        var waiting: [Int] = []
        for worker in workers {
            // From the beginning of the queue come those that failed before.
            let jobs = try await corner.claim(worker, count)
            #expect(jobs.count == count)
            let ends = jobs.map { $0.ended(.retried, delay: .seconds(3_600)) }
            #expect(try await corner.queue.finish(worker: worker, ends).isEmpty)
            var waits = 0
            for job in jobs where try await corner.state(job.id) == .scheduled { waits += 1 }
            waiting.append(waits)
        }
        return waiting
    }

    @Test(.database(migrated: true)) func `two workers pay from one budget`() async throws {
        let (corner, workers) = try await open()
        let waiting = try await fail(corner, workers, 8)
        // The first had its eight, and what is left the second: two, and one more for each second that went by.
        #expect(waiting[0] == 0)
        #expect(1...6 ~= waiting[1], "\(waiting)")
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `one that has to wait does so for the first back-off at least`() async throws
    {
        let (corner, workers) = try await open()
        try await corner.enqueue(40)
        let ends = try await corner.claim(workers[0], 40).map { $0.ended(.retried, delay: .zero) }
        #expect(try await corner.queue.finish(worker: workers[0], ends).isEmpty)
        let waits: Int64 = try await corner.connection.value(
            """
            select count(*) from sluice.scheduled s join sluice.model m on m.id = s.model_id
            where m.name = '\(corner.model)' and s.due_at > clock_timestamp() and s.due_at <= clock_timestamp() + interval '1 second'
            """)
        #expect(waits >= 20)
    }

    @Test(.database(migrated: true)) func `what succeeds with one worker earns retries for the other`() async throws {
        let (corner, workers) = try await open()
        _ = try await fail(corner, [workers[0]], 40)
        #expect(try await fail(corner, [workers[0]], 10)[0] > 0)
        var report = WorkerReport()
        var sample = AttemptSample(stage: 0)
        sample.succeeded = 1_000
        report.sample = sample
        _ = try await corner.queue.heartbeat(worker: workers[1], inFlight: [], report: report)
        // A fifth of a retry each, fading.
        #expect(try await fail(corner, [workers[0]], 100) == [0])
    }

    @Test(.database(migrated: true)) func `the budget of one model is nobody else's`() async throws {
        let (corner, workers) = try await open()
        _ = try await fail(corner, workers, 40)
        let (other, others) = try await open()
        #expect(try await fail(other, [others[0]], 10) == [0])
    }
}
