import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// What the hot functions read, counted by PostgreSQL: a plan that looks through a table or an index shows at once.
@Suite(.serialized)
struct PlanTests {
    enum Shape: CaseIterable {
        /// The tables have a few rows.
        case small
        /// They have 100,000, and the planner has never seen them.
        case large
        /// The same, analyzed when they were full.
        case analyzed
        /// The same, analyzed when they were empty: what autovacuum may have seen of a hot table.
        case misled
    }

    private struct Cost {
        /// Looks through a whole table.
        var sequential: Int64
        /// Rows fetched by way of indexes.
        var fetched: Int64
    }

    /// The small tables of configuration may be read whole.
    private static let counters = Statement(
        "counters",
        """
        select coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
        from pg_stat_xact_user_tables 
        where schemaname = 'sluice' and relname not in ('setting', 'tenant', 'model', 'deployment')
        """)

    /// What `body` reads.
    private func cost(_ corner: Corner, _ body: (Queue) async throws -> Void) async throws -> Cost {
        try await corner.connection.transaction { transaction async throws in
            // A hash join or a sort would need more than it may have.
            let before = try await transaction.query(Self.counters)[0].decode((Int64, Int64).self)
            try await body(Queue(transaction))
            let after = try await transaction.query(Self.counters)[0].decode((Int64, Int64).self)
            return Cost(sequential: after.0 - before.0, fetched: after.1 - before.1)
        }
    }

    private func fill(_ corner: Corner, _ shape: Shape) async throws {
        if shape == .misled { try await corner.connection.execute(script: "analyze") }
        let rows = shape == .small ? 100 : 10_000
        for _ in 0..<(shape == .small ? 1 : 10) { try await corner.enqueue(rows) }
        // As many leases and scheduled jobs as waiting ones, without the work of claiming them.
        try await corner.connection.execute(
            script: """
                insert into sluice.running
                    (id, key, worker_id, model_id, tenant_id, priority, bucket, attempt, failures, crashes, ring)
                select j.id + 1000000, j.key, 77, j.model_id, j.tenant_id, j.priority, sluice.bucket(j.id, null), 1, 0, 0, j.id % 3
                from sluice.job j;
                insert into sluice.scheduled (due_at, id, model_id, tenant_id, priority, bucket)
                select now() - j.id * interval '1 ms', j.id + 2000000, j.model_id, j.tenant_id, j.priority, sluice.bucket(j.id, null)
                from sluice.job j;
                insert into sluice.deadline (deadline_at, id)
                select now() + j.id * interval '1 s', j.id from sluice.job j;
                """)
        if shape == .analyzed { try await corner.connection.execute(script: "analyze") }
    }

    @Test(.database(migrated: true), arguments: Shape.allCases)
    func `the hot functions read what they need and no more`(shape: Shape) async throws {
        let corner = try await Corner.open()
        try await fill(corner, shape)
        let worker = try await corner.worker()

        var jobs: [ClaimedJob] = []
        let claim = try await cost(corner) { jobs = try await $0.claim(worker: worker, limit: 10).jobs }
        // Ten rows of ready, ten of job, the worker, its deployment and its model.
        #expect(jobs.count == 10 && claim.sequential == 0 && claim.fetched <= 30)

        let large = try await cost(corner) { queue async throws in
            #expect(try await queue.claim(worker: worker, limit: 50).jobs.count == 50)
        }
        #expect(large.sequential == 0 && large.fetched <= 110)

        let beat = try await cost(corner) { queue async throws in
            _ = try await queue.heartbeat(worker: worker, inFlight: jobs.map(\.id))
        }
        #expect(beat.sequential == 0 && beat.fetched <= 30)

        let outcomes: [AttemptResult.Outcome] = [.succeeded, .succeeded, .failed, .retried, .released]
        let ends = jobs.enumerated().map { $1.ended(outcomes[$0 % outcomes.count], delay: .seconds($0 % 2)) }
        let finish = try await cost(corner) { queue async throws in
            #expect(try await queue.finish(worker: worker, ends).isEmpty)
        }
        #expect(finish.sequential == 0 && finish.fetched <= 40)

        let promote = try await cost(corner) { queue async throws in
            #expect(try await queue.promote(from: nil, limit: 10).promoted == 10)
        }
        #expect(promote.sequential == 0 && promote.fetched <= 60)
    }

    @Test(.database(migrated: true), arguments: [Shape.large, .analyzed])
    func `a job is found by its id without a search`(shape: Shape) async throws {
        let corner = try await Corner.open()
        try await fill(corner, shape)
        let id = try await corner.enqueue()
        let status = try await cost(corner) { queue async throws in #expect(try await queue.status(of: [id]).count == 1)
        }
        #expect(status.fetched <= 30)
        let cancel = try await cost(corner) { queue async throws in #expect(try await queue.cancel(id) == .cancelled) }
        #expect(cancel.sequential == 0 && cancel.fetched <= 30)
        let retry = try await cost(corner) { queue async throws in try await queue.retry(id) }
        #expect(retry.fetched <= 30)
        let again = try await cost(corner) { queue async throws in #expect(try await queue.cancel(id) == .cancelled) }
        #expect(again.sequential == 0 && again.fetched <= 30)
        let enqueue = try await cost(corner) { queue async throws in
            var request = JobRequest(model: corner.model, payload: Array("{}".utf8))
            request.idempotencyKey = "key"
            _ = try await queue.enqueue(request)
        }
        #expect(enqueue.fetched <= 30)
    }

    @Test(.database(migrated: true)) func `from its floor a claim steps over nothing`() async throws {
        let corner = try await Corner.open()
        let other = "\(corner.deployment)-other"
        try await corner.queue.putDeployment(DeploymentRequest(model: corner.model, name: other, backend: "mock"))
        try await corner.connection.execute(
            script: """
                select sluice.set_share('\(corner.deployment)', '{[0,100)}');
                select sluice.set_share('\(other)', '{[100,10000)}');
                """)
        for _ in 0..<5 { try await corner.enqueue(10_000) }
        let worker = try await corner.worker()
        var floors: [Int64] = []
        let drain = try await corner.queue.claim(worker: worker, limit: 1000)
        #expect((300...700).contains(drain.jobs.count))
        floors = drain.emptyFloors
        floors[2] = max(floors[2], drain.jobs.map(\.key).max() ?? 0)
        // The backlog of the other deployment lies below the floor now, and is not read again.
        let buffers = try await pages(
            corner,
            "select count(*) from sluice.claim(\(worker), 10, '{\(floors.map(String.init).joined(separator: ","))}', 0)"
        )
        let fromTheHead = try await pages(corner, "select count(*) from sluice.claim(\(worker), 10, null, 0)")
        #expect(buffers * 5 < fromTheHead)
    }

    /// How many pages a statement touches.
    private func pages(_ corner: Corner, _ sql: String) async throws -> Int64 {
        let _: [String] = try await corner.connection.values(sql.replacing("count(*)", with: "count(*)::text"))
        let plan: [String] = try await corner.connection.values(
            "explain (analyze, buffers, costs off, timing off) \(sql)")
        for line in plan {
            guard let hits = line.split(separator: "hit=").last, line.contains("shared hit=") else { continue }
            return Int64(hits.prefix { $0.isNumber }) ?? 0
        }
        return 0
    }
}
