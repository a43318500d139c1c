import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Each test has a database of its own: the reaper looks at every worker there is.
struct WorkerLifeTests {
    /// A database in which the server has been up for long, as far as the reaper is concerned.
    private func open() async throws -> Corner {
        let corner = try await Corner.open()
        try await corner.set("restart_grace_ms", 0)
        return corner
    }

    @Test(.database(migrated: true)) func `a worker is told what it hosts`() async throws {
        let corner = try await open()
        let one = try await corner.queue.workerStarted(
            deployment: corner.deployment, host: "h", processID: 7, direct: true)
        #expect(one.modelName == corner.model && one.backend == "mock" && one.slots == 8 && one.lease == .seconds(15))
        #expect(one.backendSHA256 == nil && String(decoding: one.configuration, as: UTF8.self) == "{}")
        let two = try await corner.queue.workerStarted(
            deployment: corner.deployment, host: "h", processID: 7, direct: true)
        #expect(two.worker > one.worker)
        let error = try await #require(throws: QueueError.self) { _ = try await corner.worker(of: "nobody") }
        #expect(error.code == .unknownDeployment && error.hint?.contains(corner.deployment) == true)
    }

    @Test(.database(migrated: true)) func `a living worker is left alone`() async throws {
        let corner = try await open()
        _ = try await corner.worker(direct: true)
        _ = try await corner.worker(direct: false)
        #expect(try await corner.queue.reap().isEmpty)
    }

    @Test(.database(migrated: true)) func `a lost connection is a suspicion, then death, and the leases come back`()
        async throws
    {
        let (corner, victim) = (try await open(), try await Corner.connect())
        let id = try await corner.enqueue()
        let worker = try await Queue(victim).workerStarted(
            deployment: corner.deployment, host: "h", processID: 7, direct: true
        ).worker
        _ = try await corner.claimOne(worker)
        try await corner.connection.execute(script: "select pg_terminate_backend(\(victim.backendProcessID), 60000)")
        try await corner.set("lock_grace_ms", 3_600_000)
        #expect(try await corner.queue.reap().isEmpty)
        #expect(
            try await corner.connection.value("select lock_lost_at is not null from sluice.worker where id = \(worker)")
        )
        #expect(try await corner.state(id) == .running)
        try await corner.set("lock_grace_ms", 0)
        let reaped = try await corner.queue.reap()
        #expect(reaped.map(\.worker) == [worker] && reaped.first?.returned == 1)
        #expect(reaped.first?.cause == "lost its database connection")
        #expect(try await corner.state(id) == .queued)
        let again = try await corner.claimOne(try await corner.worker())
        #expect(again.attempt == 2 && again.failures == 0 && again.crashes == 0)
    }

    @Test(.database(migrated: true)) func `a worker that reconnects in time keeps its leases`() async throws {
        let (corner, victim) = (try await open(), try await Corner.connect())
        let id = try await corner.enqueue()
        let worker = try await Queue(victim).workerStarted(
            deployment: corner.deployment, host: "h", processID: 7, direct: true
        ).worker
        let job = try await corner.claimOne(worker)
        try await corner.connection.execute(script: "select pg_terminate_backend(\(victim.backendProcessID), 60000)")
        try await corner.set("lock_grace_ms", 3_600_000)
        _ = try await corner.queue.reap()
        let successor = try await Corner.connect()
        #expect(try await Queue(successor).workerReconnected(worker, direct: true, held: [id]))
        try await corner.set("lock_grace_ms", 0)
        #expect(try await corner.queue.reap().isEmpty)
        #expect(try await corner.finish(worker, job, .succeeded))
    }

    @Test(.database(migrated: true)) func `leases a reconnecting worker does not know of are given back`() async throws
    {
        let corner = try await open()
        let ids = try await corner.enqueue(3)
        let worker = try await corner.worker()
        _ = try await corner.claim(worker, 3)
        #expect(try await corner.queue.workerReconnected(worker, direct: false, held: [ids[1]]))
        #expect(try await corner.queue.status(of: ids).map(\.state) == [.queued, .running, .queued])
        #expect(try await corner.queue.workerReconnected(worker, direct: false, held: []))
        #expect(try await corner.state(ids[1]) == .queued)
    }

    @Test(.database(migrated: true)) func `a worker declared dead may not come back`() async throws {
        let corner = try await open()
        let worker = try await corner.worker()
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "test")
        #expect(try await corner.queue.workerReconnected(worker, direct: false, held: []) == false)
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: []).wanted == .exit)
    }

    @Test(.database(migrated: true)) func `without a heartbeat a worker is dead when its lease is over`() async throws {
        let corner = try await open()
        let id = try await corner.enqueue()
        let (quiet, lively) = (try await corner.worker(), try await corner.worker())
        _ = try await corner.claimOne(quiet)
        try await corner.connection.execute(
            script: "update sluice.worker_heartbeat set beat_at = now() - interval '16 s'")
        #expect(try await corner.queue.heartbeat(worker: lively, inFlight: []).wanted == .run)
        let reaped = try await corner.queue.reap()
        #expect(reaped.map(\.worker) == [quiet] && reaped.first?.cause == "sent no heartbeat")
        #expect(try await corner.state(id) == .queued)
    }

    @Test(.database(migrated: true)) func `after a restart of the database nobody is declared dead for a while`()
        async throws
    {
        let corner = try await open()
        try await corner.set("restart_grace_ms", 3_600_000)
        let worker = try await corner.worker()
        try await corner.connection.execute(
            script: """
                update sluice.worker_heartbeat set beat_at = now() - interval '1 h';
                update sluice.worker set lock_lost_at = now() - interval '1 h', direct = true where id = \(worker);
                """)
        #expect(try await corner.queue.reap().isEmpty)
        #expect(
            try await corner.connection.value("select lock_lost_at is null from sluice.worker where id = \(worker)"))
    }

    @Test(.database(migrated: true)) func `a recovery that took longer than a lease is no time without heartbeats`()
        async throws
    {
        let corner = try await open()
        // As if the server had been started long ago, which it is for a standby that has been promoted.
        try await corner.connection.execute(
            script: """
                update sluice.setting set
                    value = 1 + extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000 / 2
                where name = 'restart_grace_ms';
                """)
        let worker = try await corner.worker()
        try await corner.connection.execute(
            script: "update sluice.worker_heartbeat set beat_at = now() - interval '1 h'")
        #expect(try await corner.queue.reap().isEmpty)
        try await corner.connection.execute(
            script: "update sluice.database_life set began_at = began_at - interval '1 h'")
        #expect(try await corner.queue.reap().map(\.worker) == [worker])
    }

    @Test(.database(migrated: true)) func `a claim that commits after its worker's death is reaped`() async throws {
        let (corner, late) = (try await open(), try await Corner.connect())
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        try await late.transaction { transaction async throws in
            #expect(try await Queue(transaction).claim(worker: worker, limit: 1).jobs.map(\.id) == [id])
            #expect(try await corner.queue.workerEnded(worker, orderly: false, cause: "test").returned == 0)
        }
        #expect(try await corner.state(id) == .running)
        try await corner.connection.execute(script: "update sluice.worker set reaped_at = now() - interval '2 s'")
        let reaped = try await corner.queue.reap()
        #expect(reaped.map(\.cause) == ["late lease"] && reaped.first?.returned == 1)
        #expect(try await corner.state(id) == .queued)
    }

    @Test(.database(migrated: true)) func `of two reapers at once one does the work`() async throws {
        let (corner, other) = (try await open(), try await Corner.connect())
        try await other.transaction { transaction async throws in
            _ = try await Queue(transaction).reap()
            #expect(try await corner.queue.reap().isEmpty)
        }
    }
}

@Suite(.database(migrated: true))
struct WorkerEndTests {
    @Test func `the end of a worker may be told twice`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(2)
        let worker = try await corner.worker()
        _ = try await corner.claim(worker, 2)
        let first = try await corner.queue.workerEnded(
            worker, orderly: false, cause: "SIGSEGV", signal: 11, lastWords: "boom", started: nil)
        #expect(first.returned == 2)
        let second = try await corner.queue.workerEnded(worker, orderly: false, cause: "again")
        #expect(second.returned == 0 && second.suspected == 0)
        #expect(
            try await corner.connection.value(
                "select signal = 11 and last_words = 'boom' and state = 'dead' from sluice.worker where id = \(worker)")
        )
        #expect(
            try await code { _ = try await corner.queue.workerEnded(999_999, orderly: true, cause: "") }
                == .unknownWorker)
    }

    @Test func `an orderly end is told apart`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.queue.workerDraining(worker)
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: []).wanted == .drain)
        _ = try await corner.queue.workerEnded(worker, orderly: true, cause: "drained", exitStatus: 0)
        #expect(
            try await corner.connection.value("select state::text from sluice.worker where id = \(worker)") == "stopped"
        )
    }

    @Test func `a worker of an older revision goes on until it is told to drain`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        var request = DeploymentRequest(model: corner.model, name: corner.deployment, backend: "mock")
        request.version = "2"
        try await corner.queue.putDeployment(request)
        let wanted = try await corner.queue.wantedWorkers().first { $0.deployment == corner.deployment }
        #expect(wanted?.revision == 2)
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: []).wanted == .run)
        try await corner.queue.workerDraining(worker)
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: []).wanted == .drain)
    }

    @Test func `the first word about an end stands, and later ones add to it`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        _ = try await corner.queue.workerEnded(worker, orderly: true, cause: "drained")
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "exited", exitStatus: 3)
        #expect(
            try await corner.connection.value(
                """
                select state = 'stopped' and cause = 'drained' and exit_status = 3
                    and (select count(*) from sluice.event e
                         where e.kind = 'worker_ended' and e.subject = 'worker \(worker)') = 1
                from sluice.worker where id = \(worker)
                """))
    }

    @Test func `only the jobs that had started are charged with a crash`() async throws {
        let corner = try await Corner.open()
        let ids = try await corner.enqueue(3)
        let worker = try await corner.worker()
        _ = try await corner.claim(worker, 3)
        let ended = try await corner.queue.workerEnded(
            worker, orderly: false, cause: "SIGSEGV", signal: 11, started: [ids[0]])
        #expect(ended.suspected == 1 && ended.returned == 2 && ended.quarantined == 0)
        let statuses = try await corner.queue.status(of: ids)
        #expect(statuses.map(\.state) == [.queued, .queued, .queued] && statuses[0].crashes == 1)
        // The suspect is not claimed beside others.
        #expect(try await corner.claim(try await corner.worker(), 10).map(\.id) == Array(ids[1...]))
    }

    @Test func `the worker that has lived longest runs suspects, one at a time`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(2)
        let crashing = try await corner.worker()
        let jobs = try await corner.claim(crashing, 2)
        let (old, young) = (try await corner.worker(), try await corner.worker())
        #expect(try await corner.queue.heartbeat(worker: old, inFlight: []).suspects == false)
        _ = try await corner.queue.workerEnded(crashing, orderly: false, cause: "SIGSEGV", started: jobs.map(\.id))
        #expect(try await corner.queue.heartbeat(worker: old, inFlight: []).suspects)
        #expect(try await corner.queue.heartbeat(worker: young, inFlight: []).suspects == false)
        let first = try #require(try await corner.queue.claimSuspect(worker: old))
        #expect(first.attempt == 2 && first.crashes == 1)
        try await corner.finish(old, first, .succeeded)
        let second = try #require(try await corner.queue.claimSuspect(worker: old))
        try await corner.finish(old, second, .retried)
        #expect(try await corner.queue.claimSuspect(worker: old) == nil)
        #expect(try await corner.queue.heartbeat(worker: old, inFlight: []).suspects == false)
        #expect(try await corner.claimOne(young).id == second.id)
    }

    @Test func `past the crash budget a job is quarantined, and can be redriven`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let (one, two) = (try await corner.worker(), try await corner.worker())
        _ = try await corner.claimOne(one)
        _ = try await corner.queue.workerEnded(one, orderly: false, cause: "SIGSEGV", started: [id])
        _ = try await corner.queue.claimSuspect(worker: two)
        let ended = try await corner.queue.workerEnded(two, orderly: false, cause: "SIGABRT", started: [id])
        #expect(ended.quarantined == 1)
        let status = try await corner.status(id)
        #expect(status.state == .quarantined && status.errorClass == .crash)
        #expect(status.errorMessage == "took 2 workers down; last: SIGABRT")
        try await corner.queue.retry(id)
        let job = try await corner.claimOne(try await corner.worker())
        #expect(job.id == id && job.crashes == 0 && job.attempt == 3)
    }

    @Test(arguments: [true, false])
    func `a suspect that was given back or lost without blame stays a suspect`(isLost: Bool) async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let (one, two, three) = (try await corner.worker(), try await corner.worker(), try await corner.worker())
        _ = try await corner.claimOne(one)
        _ = try await corner.queue.workerEnded(one, orderly: false, cause: "SIGSEGV", started: [id])
        let suspect = try #require(try await corner.queue.claimSuspect(worker: two))
        if isLost {
            _ = try await corner.queue.workerEnded(two, orderly: false, cause: "SIGKILL")
        } else {
            try await corner.finish(two, suspect, .released)
        }
        #expect(try await corner.claim(three, 10).isEmpty)
        let again = try #require(try await corner.queue.claimSuspect(worker: three))
        #expect(again.id == id && again.attempt == 3 && again.crashes == 1)
    }

    @Test func `a dead worker gets no suspect`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let (one, two) = (try await corner.worker(), try await corner.worker())
        _ = try await corner.claimOne(one)
        _ = try await corner.queue.workerEnded(one, orderly: false, cause: "SIGSEGV", started: [id])
        _ = try await corner.queue.workerEnded(two, orderly: false, cause: "SIGKILL")
        #expect(try await corner.queue.claimSuspect(worker: two) == nil)
    }

    @Test func `a cancelled job of a lost worker ends`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        _ = try await corner.claimOne(worker)
        _ = try await corner.queue.cancel(id)
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "SIGKILL")
        #expect(try await corner.state(id) == .cancelled)
    }

    @Test func `a suspect can be cancelled`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue()
        let worker = try await corner.worker()
        _ = try await corner.claimOne(worker)
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "SIGSEGV", started: [id])
        #expect(try await corner.queue.cancel(id) == .cancelled)
        #expect(try await corner.state(id) == .cancelled)
    }

    @Test func `a backend's file is recorded once, and replaced on purpose`() async throws {
        let corner = try await Corner.open()
        let (old, new) = (String(repeating: "a", count: 64), String(repeating: "b", count: 64))
        func record(_ digest: String, replacing: Bool = false) async throws -> String {
            try await corner.queue.recordBackend(
                "mock", BackendRecord(sha256: digest, version: "1", abi: "1.0", capabilities: ["chat"]),
                replacing: replacing)
        }
        #expect(try await record(old) == old)
        #expect(try await record(new) == old)
        #expect(try await record(new, replacing: true) == new)
        let started = try await corner.queue.workerStarted(
            deployment: corner.deployment, host: "h", processID: 1, direct: false)
        #expect(started.backendSHA256 == new)
    }

    @Test func `the overview counts what waits and runs`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(5)
        _ = try await corner.claim(try await corner.worker(), 2)
        let rows = try await corner.queue.overview().filter { $0.model == corner.model }
        let row = try #require(rows.first)
        #expect(rows.count == 1 && row.ready == 3 && row.running == 2 && row.workersLive == 1 && row.slots == 8)
        #expect(row.oldestReadySeconds != nil)
        _ = try await corner.queue.perform(.scale(corner.deployment, workers: 4), why: nil)
        #expect(try await corner.queue.wantedWorkers().first { $0.deployment == corner.deployment }?.workers == 4)
    }
}
