import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true))
struct ClaimTests {
    @Test func `a lower priority is served when those above are empty`() async throws {
        let corner = try await Corner.open()
        var expected: [[Int64]] = []
        for level in (0..<Priority.levels).reversed() {
            expected.insert(
                try await corner.enqueue(3, priority: try #require(Priority(rawValue: Int16(level)))), at: 0)
        }
        let worker = try await corner.worker()
        let first = try await corner.claim(worker, 4)
        #expect(first.map(\.id) == expected.flatMap { $0 }.prefix(4).map { $0 })
        #expect(try await corner.claim(worker, 100).map(\.id) == Array(expected.flatMap { $0 }.dropFirst(4)))
    }

    @Test func `a tenant with a backlog does not delay another's only job`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(script: "select sluice.put_tenant('small')")
        try await corner.enqueue(10_000)
        let worker = try await corner.worker()
        _ = try await corner.claim(worker, 500)
        let id = try await corner.enqueue { $0.tenant = "small" }
        let next = try await corner.claim(worker, 3).map(\.id)
        #expect(next.contains(id))
    }

    @Test func `turns follow the weights`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(
            script: "select sluice.put_tenant('light', 100), sluice.put_tenant('heavy', 300)")
        let light = Set(try await corner.enqueue(400, tenant: "light"))
        try await corner.enqueue(400, tenant: "heavy")
        let turns = try await corner.claim(try await corner.worker(), 200).count { light.contains($0.id) }
        #expect((45...55).contains(turns))
    }

    @Test func `a worker claims the buckets of its deployment's share`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(
            script: "select sluice.set_share('\(corner.deployment)', '{[100,2000),[5000,5001),[9000,10000)}')")
        let ids = Set(try await corner.enqueue(2000))
        let worker = try await corner.worker()
        let claimed = try await corner.claim(worker, 1000).map(\.id)
        let theirs: [Int64] = try await corner.connection.values(
            """
            select id from sluice.job where model_id = \(try await corner.modelID)
                and sluice.bucket(id, affinity)::int <@ any (array['[100,2000)', '[5000,5001)', '[9000,10000)']::int4range[])
            """)
        #expect(Set(claimed) == Set(theirs) && Set(claimed).isSubset(of: ids) && claimed.count > 400)
    }

    @Test func `two shares that do not meet are claimed without loss`() async throws {
        let corner = try await Corner.open()
        let other = "\(corner.deployment)-other"
        try await corner.queue.putDeployment(DeploymentRequest(model: corner.model, name: other, backend: "mock"))
        try await corner.connection.execute(
            script: """
                select sluice.set_share('\(corner.deployment)', '{[0,300)}');
                select sluice.set_share('\(other)', '{[300,10000)}');
                """)
        let ids = try await corner.enqueue(500)
        let one = try await corner.claim(try await corner.worker(), 1000)
        let two = try await corner.claim(try await corner.worker(of: other), 1000)
        #expect((one + two).map(\.id).sorted() == ids && !one.isEmpty)
    }

    @Test func `an empty share and a paused deployment claim nothing`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(3)
        let worker = try await corner.worker()
        try await corner.connection.execute(script: "select sluice.set_share('\(corner.deployment)', '{}')")
        #expect(try await corner.claim(worker).isEmpty)
        try await corner.connection.execute(
            script: """
                select sluice.set_share('\(corner.deployment)', '{[0,10000)}');
                update sluice.deployment set paused = true where name = '\(corner.deployment)';
                """)
        #expect(try await corner.claim(worker).isEmpty)
        try await corner.connection.execute(
            script: "update sluice.deployment set paused = false where name = '\(corner.deployment)'")
        #expect(try await corner.claim(worker, 10).count == 3)
    }

    @Test func `another model's jobs stay where they are`() async throws {
        let (one, two) = (try await Corner.open(), try await Corner.open())
        try await one.enqueue(2)
        #expect(try await two.claim(try await two.worker(), 10).isEmpty)
    }

    @Test(arguments: [0, -1, 1001]) func `a claim takes 1 to 1,000 jobs`(limit: Int) async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        #expect(try await code { _ = try await corner.claim(worker, limit) } == .invalidArgument)
    }

    @Test func `a worker that was declared dead is refused`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "test")
        #expect(try await code { _ = try await corner.claim(worker) } == .workerDead)
        #expect(try await code { _ = try await corner.claim(999_999) } == .workerDead)
    }

    @Test func `claimers at once never get the same job`() async throws {
        let corner = try await Corner.open()
        let ids = try await corner.enqueue(3000)
        let claimed = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for seed in 0..<6 {
                let claimer = try await corner.another()
                group.addTask {
                    var random = SeededNumbers(UInt64(seed))
                    let worker = try await claimer.worker()
                    var got: [Int64] = []
                    while true {
                        let jobs = try await claimer.claim(worker, Int.random(in: 1...20, using: &random))
                        if jobs.isEmpty { return got }
                        got += jobs.map(\.id)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        // A claim may come back empty because all it looked at was locked; what is left is found by the next.
        let rest = try await corner.claim(try await corner.worker(), 1000).map(\.id)
        #expect((claimed + rest).sorted() == ids)
    }

    @Test func `a claim that is rolled back gives its jobs back`() async throws {
        struct Regret: Error {}
        let (corner, other) = (try await Corner.open(), try await Corner.connect())
        try await corner.enqueue(5)
        let worker = try await corner.worker()
        await #expect(throws: Regret.self) {
            try await other.transaction { transaction async throws in
                #expect(try await Queue(transaction).claim(worker: worker, limit: 5).jobs.count == 5)
                #expect(try await corner.claim(worker, 5).isEmpty)
                throw Regret()
            }
        }
        let jobs = try await corner.claim(worker, 5)
        #expect(jobs.count == 5 && jobs.allSatisfy { $0.attempt == 1 })
    }

    @Test(arguments: [false, true])
    func `a job that commits late is found at once, or by a look back`(isVeryLate: Bool) async throws {
        let (corner, late) = (try await Corner.open(), try await Corner.connect())
        let worker = try await corner.worker()
        var floors = ClaimFloors()
        func claim(at now: Duration) async throws -> [ClaimedJob] {
            let range = floors.forClaim(at: now)
            let claim = try await corner.queue.claim(worker: worker, limit: 100, range: range)
            floors.claimReturned(
                range, keys: claim.largestKeys, reachedEnd: claim.jobs.count < 100, emptyFloors: claim.emptyFloors,
                share: claim.share, began: now, now: now + .seconds(1))
            return claim.jobs
        }
        let id = try await late.transaction { transaction async throws in
            let id: Int64 = try await transaction.value("select sluice.enqueue('\(corner.model)', '{}')")
            try await corner.enqueue(10)
            #expect(try await claim(at: .zero).count == 10)
            guard isVeryLate else { return id }
            try await corner.enqueue(10)
            #expect(try await claim(at: .seconds(2)).count == 10)
            #expect(try await claim(at: .seconds(4)).isEmpty)
            return id
        }
        #expect(try await claim(at: .seconds(6)).map(\.id) == (isVeryLate ? [] : [id]))
        guard isVeryLate else { return }
        #expect(try await claim(at: .seconds(60)).map(\.id) == [id])
    }

    @Test func `a claim takes nothing from its ceiling on`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.enqueue(5, priority: .interactive)
        try await corner.enqueue(5)
        let keys: [Int64] = try await corner.connection.values(
            "select key from sluice.ready where model_id = \(try await corner.modelID) and priority = 2 order by key")
        var range = ClaimRange.everything
        range.ceilings = [0, 0, keys[3], .max, .max]
        let jobs = try await corner.claim(worker, 10, range: range)
        #expect(jobs.map(\.key) == Array(keys[..<3]) && jobs.allSatisfy { $0.priority == 2 })
        #expect(try await corner.claim(worker, 10).count == 7)
    }

    @Test func `what is queued after a look lies above its floors`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        var random = SeededNumbers(7)
        var floors = [Int64](repeating: 0, count: Priority.levels)
        for _ in 0..<100 {
            let level = Int16.random(in: 0..<5, using: &random)
            let count = Int.random(in: 1...5, using: &random)
            try await corner.enqueue(count, priority: try #require(Priority(rawValue: level)))
            let claim = try await corner.queue.claim(worker: worker, limit: 100, range: ClaimRange(floors: floors))
            #expect(claim.jobs.count == count)
            for level in 0..<Priority.levels {
                floors[level] = max(
                    floors[level], claim.emptyFloors[level],
                    claim.jobs.filter { $0.priority == level }.map(\.key).max() ?? 0)
            }
        }
    }
}
