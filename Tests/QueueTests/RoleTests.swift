import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Roles belong to the whole server, so the tests act as them rather than log in as them.
@Suite(.database(migrated: true), .timeLimit(.minutes(1))) struct RoleTests {
    /// A corner whose connection has the rights of `role` from now on.
    private func open(as role: String) async throws -> Corner {
        let corner = try await Corner.open()
        try await corner.connection.execute(script: "set role \(role)")
        return corner
    }

    private func state(_ connection: Connection, _ sql: String) async -> String? {
        do {
            _ = try await connection.query(Statement("attempt", sql))
            return nil
        } catch {
            return error.sqlState ?? "other"
        }
    }

    @Test func `a submitter submits, and sees what became of it`() async throws {
        let corner = try await open(as: "sluice_submitter")
        let job = try await corner.enqueue()
        try await corner.enqueue(3)
        #expect(try await corner.state(job) == .queued)
        #expect(try await corner.queue.cancel(job) == .cancelled)
    }

    @Test func `a worker does all of a worker's work`() async throws {
        let corner = try await open(as: "sluice_worker")
        let owner = try await corner.another()
        try await owner.enqueue(2)
        let worker = try await corner.worker(direct: true)
        let jobs = try await corner.claim(worker, 2)
        #expect(jobs.count == 2)
        _ = try await corner.queue.heartbeat(worker: worker, inFlight: jobs.map(\.id))
        #expect(try await corner.finish(worker, jobs[0], .succeeded))
        #expect(try await corner.finish(worker, jobs[1], .released))
        _ = try await corner.queue.workerEnded(worker, orderly: true, cause: "a test")
        #expect(try await owner.violations() == [])
    }

    @Test func `an operator steers, and reads the views`() async throws {
        let corner = try await open(as: "sluice_operator")
        _ = try await corner.queue.perform(.scale(corner.deployment, workers: 2), why: nil)
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: 4, rule: Array(#"{"min_workers": 1}"#.utf8)), why: nil)
        #expect(try await corner.connection.value("select sluice.desired_workers('\(corner.deployment)')") == Int32(2))
        _ = try await corner.queue.perform(.isolate(corner.deployment, force: true), why: nil)
        try await corner.queue.setGuard(ModelGuard(model: corner.model, mostTokens: 9))
        try await corner.queue.setBound(5, model: corner.model)
        try await corner.queue.setLimits(tenant: "default", requestsPerMinute: 1_000_000)
        #expect(
            await state(corner.connection, "select * from sluice.guards(), sluice.queue_bounds(), sluice.list_keys()")
                == nil)
        for view in [
            "overview", "model_status", "deployment_status", "worker_status", "queue_depth", "decisions", "audit",
            "scaling_status", "host_status", "cold_starts", "hedging",
        ] {
            #expect(await state(corner.connection, "select * from sluice.\(view)") == nil, "\(view)")
        }
    }

    @Test(arguments: [
        ("sluice_reader", ["select sluice.scale('x', 1)", "select sluice.enqueue('x', '{}')"]),
        (
            "sluice_submitter",
            [
                "select sluice.isolate('x')", "select * from sluice.claim(1, 1, null, 0)",
                "select * from sluice.decisions",
            ]
        ),
        (
            "sluice_operator",
            ["select * from sluice.claim(1, 1, null, 0)", "select sluice.put_tenant('x'), sluice.sweep()"]
        ),
        (
            "sluice_worker",
            ["select sluice.enqueue('x', '{}')", "select sluice.scale('x', 1)", "select * from sluice.decisions"]
        ),
    ])
    func `nobody may do more`(role: String, statements: [String]) async throws {
        let corner = try await open(as: role)
        let tables = ["job", "result", "ready", "running", "api_key", "setting", "idempotency", "deployment"]
        for table in tables {
            #expect(await state(corner.connection, "select * from sluice.\(table) limit 1") == "42501", "\(table)")
            #expect(await state(corner.connection, "delete from sluice.\(table)") == "42501", "\(table)")
        }
        for statement in statements {
            #expect(await state(corner.connection, statement) == "42501", "\(statement)")
        }
    }
}
