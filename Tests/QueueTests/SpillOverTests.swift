import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Jobs that wait too long in the share of one deployment, and another that has room.
@Suite(.timeLimit(.minutes(2))) struct SpillOverTests {
    /// A model of two deployments with half of the traffic each, and a worker of the second.
    private func halves(policy: String) async throws -> (corner: Corner, names: [String], second: Int64) {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await corner.connection.execute(
            script: """
                select sluice.set_share('\(names[0])', '{[0,5000)}');
                select sluice.set_share('\(names[1])', '{[5000,10000)}');
                select sluice.set_policy('\(corner.model)', '\(policy)');
                """)
        return (corner, names, try await corner.worker(of: names[1]))
    }

    /// Makes it as if `jobs` had been queued `time` ago.
    private func age(_ jobs: some Sequence<Int64>, by time: String, _ corner: Corner) async throws {
        let ids = jobs.map(String.init).joined(separator: ",")
        try await corner.connection.execute(
            script: "update sluice.job set created_at = created_at - interval '\(time)' where id in (\(ids))")
    }

    private func waiting(_ corner: Corner) async throws -> [Int64] {
        try await corner.connection.values(
            "select id from sluice.ready where model_id = \(try await corner.modelID) order by id")
    }

    @Test(.database(migrated: true)) func `what is overdue is claimed by whoever has room, and nothing younger`()
        async throws
    {
        let (corner, names, second) = try await halves(policy: #"{"spill_after_ms": 5000}"#)
        try await corner.enqueue(100)
        let own = try await corner.claim(second, 1000)
        #expect((20...80).contains(own.count))
        // Nobody has waited long.
        #expect(try await corner.queue.findOverdue() == 0)
        #expect(try await corner.claim(second, 1000).isEmpty)

        let left = try await waiting(corner)
        let old = left.prefix(10)
        try await age(old, by: "6 seconds", corner)
        #expect(try await corner.queue.findOverdue() == 1)
        let spilled = try await corner.queue.claim(worker: second, limit: 1000).jobs
        #expect(Set(spilled.map(\.id)) == Set(old))
        // They say nothing of where the second's own share ends.
        #expect(spilled.allSatisfy { $0.key == 0 })
        // The first finds what is left, and new ones.
        let first = try await corner.worker(of: names[0])
        try await corner.enqueue(100)
        let rest = try await corner.claim(first, 1000)
        #expect(Set(left.dropFirst(10)).isSubset(of: rest.map(\.id)))
        let others = try await corner.claim(second, 1000)
        #expect(own.count + spilled.count + rest.count + others.count == 200)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `without spill_after_ms jobs wait for the deployment of their share`()
        async throws
    {
        let (corner, _, second) = try await halves(policy: "{}")
        try await corner.enqueue(100)
        let own = try await corner.claim(second, 1000)
        try await age(try await waiting(corner), by: "1 day", corner)
        #expect(try await corner.queue.findOverdue() == 0)
        #expect(try await corner.claim(second, 1000).isEmpty)
        #expect(own.count < 100)
    }

    @Test(.database(migrated: true)) func `a deployment on a ramp takes none, and nobody from one that is paused`()
        async throws
    {
        let (corner, names, second) = try await halves(policy: #"{"spill_after_ms": 5000}"#)
        try await corner.enqueue(100)
        _ = try await corner.claim(second, 1000)
        try await age(try await waiting(corner), by: "6 seconds", corner)
        try await corner.connection.execute(
            script: "update sluice.deployment set state = 'ramping', ramp_percent = 50 where name = '\(names[1])'")
        #expect(try await corner.queue.findOverdue() == 0)
        #expect(try await corner.claim(second, 1000).isEmpty)
        try await corner.connection.execute(
            script: """
                update sluice.deployment set state = 'serving', ramp_percent = null where name = '\(names[1])';
                update sluice.deployment set paused = true where name = '\(names[0])'
                """)
        #expect(try await corner.queue.findOverdue() == 0)
        #expect(try await corner.claim(second, 1000).isEmpty)
        try await corner.connection.execute(
            script: "update sluice.deployment set paused = false where name = '\(names[0])'")
        #expect(try await corner.queue.findOverdue() == 1)
        #expect(try await !corner.claim(second, 1000).isEmpty)
    }
}
