import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Limits of deployments, as claims keep to them.
@Suite(.timeLimit(.minutes(2))) struct DeploymentLimitTests {
    private func limit(_ corner: Corner, _ deployment: String, _ limits: String) async throws {
        _ = try await corner.queue.perform(
            .setDeploymentLimits(deployment, limits: Array(limits.utf8)), why: "a test")
    }

    private func ended(_ job: ClaimedJob, tokens: Int) -> AttemptResult {
        var end = job.ended(.succeeded)
        end.usage = Usage(promptTokens: tokens, completionTokens: 0)
        return end
    }

    @Test(.database(migrated: true)) func `all workers together hold no more than the concurrency`() async throws {
        let corner = try await Corner.open()
        try await limit(corner, corner.deployment, #"{"concurrency": 3}"#)
        let workers = [try await corner.worker(), try await corner.worker()]
        try await corner.enqueue(20)
        let first = try await corner.queue.claim(worker: workers[0], limit: 2)
        #expect(first.jobs.count == 2 && first.rest == nil)
        let second = try await corner.queue.claim(worker: workers[1], limit: 10)
        #expect(second.jobs.count == 1 && second.rest != nil)
        let third = try await corner.queue.claim(worker: workers[0], limit: 1)
        #expect(third.jobs.isEmpty && third.rest != nil)
        // Nothing was looked at, so nothing is known of where the queue ends.
        #expect(third.emptyFloors == ClaimRange.everything.floors)

        try await corner.finish(workers[0], first.jobs[0], .succeeded)
        #expect(try await corner.claim(workers[1], 10).count == 1)
        try await corner.finish(workers[0], first.jobs[1], .released)
        #expect(try await corner.claim(workers[1], 10).count == 1)
        _ = try await corner.queue.workerEnded(workers[1], orderly: false, cause: "killed", started: nil)
        #expect(try await corner.claim(workers[0], 10).count == 3)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `what runs when a limit is set counts, and null takes it away`() async throws
    {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.enqueue(20)
        let held = try await corner.claim(worker, 5)
        try await limit(corner, corner.deployment, #"{"concurrency": 6}"#)
        #expect(try await corner.claim(worker, 5).count == 1)
        for job in held { try await corner.finish(worker, job, .succeeded) }
        #expect(try await corner.claim(worker, 10).count == 5)
        try await limit(corner, corner.deployment, #"{"concurrency": null}"#)
        let rest = try await corner.queue.claim(worker: worker, limit: 100)
        #expect(rest.jobs.count == 9 && rest.rest == nil)
    }

    @Test(.database(migrated: true)) func `no more begin in any minute than the limit says`() async throws {
        let corner = try await Corner.open()
        try await limit(corner, corner.deployment, #"{"requests_per_minute": 7}"#)
        let worker = try await corner.worker()
        try await corner.enqueue(20)
        let jobs = try await corner.claim(worker, 5)
        for job in jobs { try await corner.finish(worker, job, .succeeded) }
        #expect(try await corner.claim(worker, 5).count == 2)
        let full = try await corner.queue.claim(worker: worker, limit: 5)
        #expect(full.jobs.isEmpty && full.rest != nil)
        // What was 61 seconds ago is forgotten.
        try await corner.connection.execute(
            script: """
                update sluice.deployment_minute m set second = second - 61 where deployment_id =
                    (select id from sluice.deployment where name = '\(corner.deployment)')
                """)
        #expect(try await corner.claim(worker, 5).count == 5)
    }

    @Test(.database(migrated: true))
    func `tokens are counted when they are used, and what is under way at the average`()
        async throws
    {
        let corner = try await Corner.open()
        try await limit(corner, corner.deployment, #"{"tokens_per_minute": 1000}"#)
        let worker = try await corner.worker()
        try await corner.enqueue(20)
        // Nothing is known of what a job uses: one shows it.
        let first = try await corner.claim(worker, 5)
        #expect(first.count == 1)
        #expect(try await corner.claim(worker, 5).isEmpty)
        #expect(try await corner.queue.finish(worker: worker, [ended(first[0], tokens: 100)]).isEmpty)
        // 900 left, at 100 each.
        let next = try await corner.claim(worker, 15)
        #expect(next.count == 9)
        #expect(try await corner.claim(worker, 5).isEmpty)
        #expect(
            try await corner.queue.finish(
                worker: worker, next.sorted { $0.id < $1.id }.map { ended($0, tokens: 50) }
            ).isEmpty)
        // 450 and 100 used: what is left goes by the average, which has come down.
        let average: Float = try await corner.connection.value(
            """
            select tokens_per_job from sluice.deployment_meter
            where deployment_id = (select id from sluice.deployment where name = '\(corner.deployment)')
            """)
        #expect(average > 50 && average < 100)
        #expect(try await corner.claim(worker, 15).count == Int(450 / average))
    }

    @Test(.database(migrated: true)) func `one job larger than the limit is served when nothing else is`() async throws
    {
        let corner = try await Corner.open()
        try await limit(corner, corner.deployment, #"{"tokens_per_minute": 10}"#)
        let worker = try await corner.worker()
        try await corner.enqueue(3)
        let first = try await corner.claimOne(worker)
        #expect(try await corner.queue.finish(worker: worker, [ended(first, tokens: 500)]).isEmpty)
        #expect(try await corner.claim(worker, 5).isEmpty)
        try await corner.connection.execute(
            script: """
                update sluice.deployment_minute m set second = second - 61 where deployment_id =
                    (select id from sluice.deployment where name = '\(corner.deployment)')
                """)
        #expect(try await corner.claim(worker, 5).count == 1)
    }

    @Test(.database(migrated: true)) func `what is over a limit goes to whoever has room, and nothing is lost`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await corner.queue.perform(
            .setWeights(model: corner.model, weights: Array(#"{"\#(names[0])": 50, "\#(names[1])": 50}"#.utf8)),
            why: nil)
        try await limit(corner, names[0], #"{"concurrency": 2}"#)
        let first = try await corner.worker()
        let second = try await corner.worker(of: names[1])
        let jobs = try await corner.enqueue(100)
        // While the first is not full its share is its own.
        let own = try await corner.claim(second, 1000)
        #expect((20...80).contains(own.count))
        #expect(try await corner.claim(first, 10).count == 2)
        let spilled = try await corner.queue.claim(worker: second, limit: 1000).jobs
        #expect(spilled.count == 100 - own.count - 2)
        // They say nothing of where the second's own share ends.
        #expect(spilled.allSatisfy { $0.key == 0 })
        for job in (own + spilled).sorted(by: { $0.id < $1.id }) { try await corner.finish(second, job, .succeeded) }
        // A new one of the first's share is found by both.
        try await corner.enqueue(100)
        let again = try await corner.queue.claim(worker: second, limit: 1000).jobs
        #expect(again.count == 100)
        #expect(try await corner.violations() == [])
        #expect(Set(own.map(\.id)).union(spilled.map(\.id)).isSubset(of: jobs))
    }

    @Test(
        .database(migrated: true),
        arguments: ["[]", #"{"colour": 1}"#, #"{"concurrency": 0}"#, #"{"concurrency": 1.5}"#])
    func `what is no limit is refused`(limits: String) async throws {
        let corner = try await Corner.open()
        #expect(try await code { try await limit(corner, corner.deployment, limits) } == .invalidArgument)
    }

    @Test(.database(migrated: true)) func `claims at the same time keep to it, too`() async throws {
        let corner = try await Corner.open()
        try await limit(corner, corner.deployment, #"{"concurrency": 10, "requests_per_minute": 25}"#)
        try await corner.enqueue(200)
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                let other = try await corner.another()
                group.addTask {
                    let worker = try await other.worker()
                    var count = 0
                    for _ in 0..<20 {
                        let jobs = try await other.claim(worker, 7)
                        let held: Int64 = try await other.connection.value(
                            "select count(*) from sluice.running where model_id = \(try await other.modelID)")
                        #expect(held <= 10)
                        count += jobs.count
                        let ends = jobs.sorted { $0.id < $1.id }.map { $0.ended(.succeeded) }
                        #expect(try await other.queue.finish(worker: worker, ends).isEmpty)
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(total == 25)
        let held: Int64 = try await corner.connection.value(
            """
            select coalesce(sum(jobs), 0)::bigint from sluice.deployment_held
            where deployment_id = (select id from sluice.deployment where name = '\(corner.deployment)')
            """)
        #expect(held == 0)
    }
}
