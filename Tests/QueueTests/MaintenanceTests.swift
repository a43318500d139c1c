import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Each test has a database of its own: maintenance sees every job there is.
struct MaintenanceTests {
    @Test(.database(migrated: true)) func `due jobs are queued from a floor`() async throws {
        let corner = try await Corner.open()
        func schedule(_ offset: String) async throws -> Int64 {
            let id: Int64 = try await corner.connection.value(
                "select sluice.enqueue('\(corner.model)', '{}', run_at => now() + interval '1 h')")
            try await corner.connection.execute(
                script: "update sluice.scheduled set due_at = now() + interval '\(offset)' where id = \(id)")
            return id
        }
        let due = [try await schedule("-3 s"), try await schedule("-2 s"), try await schedule("-1 s")]
        _ = try await schedule("100 s")
        let first = try await corner.queue.promote(from: nil, limit: 2)
        #expect(first.promoted == 2)
        let second = try await corner.queue.promote(from: first.floor, limit: 2)
        #expect(second.promoted == 1)
        let next = try #require(second.next)
        #expect(next > .zero && next <= .seconds(100))
        let third = try await corner.queue.promote(from: second.floor)
        #expect(third.promoted == 0)
        // What commits below the floor is found by a look from the beginning.
        let late = try await schedule("-50 s")
        #expect(try await corner.queue.promote(from: third.floor).promoted == 0)
        #expect(try await corner.queue.promote(from: nil).promoted == 1)
        let claimed = try await corner.claim(try await corner.worker(), 10).map(\.id)
        #expect(Set(claimed) == Set(due + [late]))
    }

    @Test(.database(migrated: true)) func `promoters at once queue every job once`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(
            script: """
                select sluice.enqueue('\(corner.model)', '{}', run_at => now() + interval '1 h') from generate_series(1, 500);
                update sluice.scheduled set due_at = now() - interval '1 s';
                """)
        let promoted = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<4 {
                let promoter = try await corner.another()
                group.addTask {
                    var sum: Int32 = 0
                    for _ in 0..<20 { sum += try await promoter.queue.promote(from: nil, limit: 50).promoted }
                    return sum
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(promoted == 500)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a job is expired at its deadline, wherever it is`() async throws {
        let corner = try await Corner.open()
        func enqueue(_ arguments: String = "") async throws -> Int64 {
            try await corner.connection.value(
                "select sluice.enqueue('\(corner.model)', '{}', deadline => now() + interval '2 h' \(arguments))")
        }
        let (running, queued, scheduled) = (
            try await enqueue(", priority => 0"), try await enqueue(),
            try await enqueue(", run_at => now() + interval '1 h'")
        )
        let done = try await enqueue(", priority => 0")
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 2)
        try await corner.finish(worker, try #require(jobs.first { $0.id == done }), .succeeded)
        #expect(try await corner.queue.expire() == 0)
        try await corner.connection.execute(script: "update sluice.deadline set deadline_at = now() - interval '1 s'")
        #expect(try await corner.queue.expire() == 4)
        let states = try await corner.queue.status(of: [running, queued, scheduled, done]).map(\.state)
        #expect(states == [.running, .expired, .expired, .succeeded])
        #expect(try await corner.queue.heartbeat(worker: worker, inFlight: [running]).cancelled == [running])
        #expect(try await corner.queue.expire() == 0)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a forgotten job leaves no deadline behind`() async throws {
        let corner = try await Corner.open()
        let id: Int64 = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{}', deadline => now() + interval '1 h')")
        _ = try await corner.queue.cancel(id)
        try await corner.queue.forget(id)
        #expect(try await corner.connection.value("select count(*) from sluice.deadline", as: Int64.self) == 0)
    }

    @Test(.database(migrated: true)) func `no job keeps the others from their deadlines`() async throws {
        let (corner, holder) = (try await Corner.open(), try await Corner.connect())
        var ids: [Int64] = []
        for _ in 0..<4 {
            ids.append(
                try await corner.connection.value(
                    "select sluice.enqueue('\(corner.model)', '{}', deadline => now() + interval '1 h')"))
        }
        let (gone, lost, held, fine) = (ids[0], ids[1], ids[2], ids[3])
        // One without a job, one that is nowhere to be found, one that somebody's transaction holds.
        try await corner.connection.execute(
            script: """
                set lock_timeout = '200ms'; set client_min_messages = error;
                delete from sluice.ready where id in (\(gone), \(lost));
                delete from sluice.job where id = \(gone);
                update sluice.deadline set deadline_at = now() - interval '1 s' * (10 - id % 10);
                """)
        try await holder.transaction { holder async throws in
            _ = try await holder.values("select id from sluice.ready where id = \(held) for update", as: Int64.self)
            #expect(try await corner.queue.expire() == 1)
            #expect(try await corner.connection.value("show lock_timeout", as: String.self) == "200ms")
        }
        #expect(try await corner.state(fine) == .expired)
        #expect(try await corner.state(held) == .queued)
        // They have their turn again, later.
        #expect(try await corner.queue.expire() == 0)
        let waiting: [Int64] = try await corner.connection.values(
            "select id from sluice.deadline where deadline_at > now() order by id")
        #expect(waiting == [lost, held])
        try await corner.connection.execute(
            script: "update sluice.deadline set deadline_at = now() - interval '1 s' where id = \(held)")
        #expect(try await corner.queue.expire() == 1)
        #expect(try await corner.state(held) == .expired)
    }

    @Test(.database(migrated: true)) func `a job that is never due keeps no other from being queued`() async throws {
        let corner = try await Corner.open()
        for _ in 0..<2 {
            try await corner.enqueue { $0.runAt = Timestamp(unixSeconds: 4e9) }
        }
        try await corner.connection.execute(
            script: """
                update sluice.scheduled set due_at = case when id % 2 = 0 then now() - interval '1 s' else 'infinity' end;
                """)
        let found = try await corner.queue.promote(from: nil)
        #expect(found.promoted == 1 && found.next == nil)
    }

    @Test(.database(migrated: true)) func `partitions are there ahead of need`() async throws {
        let corner = try await Corner.open()
        #expect(try await corner.queue.ensurePartitions() == 0)
        try await corner.set("partition_rows", 10)
        try await corner.connection.execute(script: "select setval('sluice.job_id', 9999996)")
        #expect(try await corner.queue.ensurePartitions() == 3)
        let ids = try await corner.enqueue(9)
        #expect(ids.last == 10_000_005)
        #expect(try await corner.queue.ensurePartitions() == 3)
        try await corner.enqueue(8)
        // The new ones are whole: results fit, and an enqueue wakes.
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 100)
        #expect(jobs.count == 17)
        #expect(try await corner.queue.finish(worker: worker, jobs.map { $0.ended(.succeeded) }).isEmpty)
        #expect(try await corner.violations() == [])
        // Each partition has the trigger and the key of its parent.
        #expect(
            try await corner.connection.value(
                """
                select count(*) from pg_inherits i where i.inhparent in ('sluice.job'::regclass, 'sluice.result'::regclass)
                    and not exists (select from pg_index x where x.indrelid = i.inhrelid and x.indisprimary)
                """, as: Int64.self) == 0)
        #expect(
            try await corner.connection.value(
                """
                select count(*) from pg_inherits i where i.inhparent = 'sluice.job'::regclass
                    and not exists (select from pg_trigger t where t.tgrelid = i.inhrelid and t.tgname = 'wake')
                """, as: Int64.self) == 0)
    }

    @Test(.database(migrated: true)) func `making a partition waits for no enqueue and holds none up`() async throws {
        let (corner, holder) = (try await Corner.open(), try await Corner.connect())
        try await corner.set("partition_rows", 10)
        try await corner.connection.execute(
            script: "select setval('sluice.job_id', 9999996); set statement_timeout = '5s'")
        try await holder.transaction { holder async throws in
            _ = try await holder.value("select sluice.enqueue('\(corner.model)', '{}')", as: Int64.self)
            #expect(try await corner.queue.ensurePartitions() == 3)
            try await corner.enqueue(3)
        }
    }

    @Test(.database(migrated: true)) func `ended jobs leave no placements and no old keys`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.enqueue { $0.idempotencyKey = "old" }
        try await corner.finish(worker, try await corner.claimOne(worker), .released)
        try await corner.connection.execute(
            script: """
                update sluice.placement set placed_at = now() - interval '2 min';
                update sluice.idempotency set created_at = now() - interval '2 days';
                """)
        try await corner.queue.tidy()
        #expect(try await corner.connection.value("select count(*) from sluice.placement", as: Int64.self) == 1)
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        try await corner.queue.tidy()
        #expect(
            try await corner.connection.value(
                "select (select count(*) from sluice.placement) + (select count(*) from sluice.idempotency)",
                as: Int64.self) == 0)
    }
}

/// Each test has a database of its own.
struct SweepTests {
    /// Rings that are swept whenever there is anything in them.
    private func open() async throws -> Corner {
        let corner = try await Corner.open()
        try await corner.set("ring_fill_pages", 0)
        return corner
    }

    @Test(.database(migrated: true)) func `an empty ring is left alone`() async throws {
        let corner = try await Corner.open()
        #expect(try await corner.queue.sweep() == "")
    }

    @Test(.database(migrated: true)) func `garbage goes and what lives is carried over`() async throws {
        let corner = try await open()
        let ids = try await corner.enqueue(300)
        let worker = try await corner.worker()
        let running = try await corner.claim(worker, 100)
        _ = try await corner.queue.finish(worker: worker, running[..<90].map { $0.ended(.succeeded) })
        let said = try await corner.queue.sweep()
        #expect(
            said.contains("slot 0 left for 1") && said.contains("200 rows carried") && said.contains("10 rows carried"))
        #expect(try await corner.violations() == [])
        #expect(try await corner.queue.status(of: running[90...].map(\.id)).allSatisfy { $0.state == .running })
        #expect(try await corner.queue.finish(worker: worker, running[90...].map { $0.ended(.succeeded) }).isEmpty)
        #expect(try await corner.claim(worker, 1000).map(\.id) == Array(ids[100...]))
    }

    @Test(.database(migrated: true)) func `a slot with many living rows is left for later`() async throws {
        let corner = try await open()
        try await corner.set("ring_carry_rows", 50)
        try await corner.enqueue(51)
        #expect(try await corner.queue.sweep().contains("emptied") == false)
        _ = try await corner.claimOne(try await corner.worker())
        #expect(try await corner.queue.sweep().contains("50 rows carried"))
    }

    @Test(.database(migrated: true)) func `a sweep waits for no one`() async throws {
        let (corner, holder) = (try await open(), try await Corner.connect())
        try await corner.enqueue(10)
        let worker = try await corner.worker()
        // An uncommitted enqueue holds a lock on what is to be emptied.
        try await holder.transaction { holder async throws in
            _ = try await holder.value("select sluice.enqueue('\(corner.model)', '{}')", as: Int64.self)
            #expect(try await corner.queue.sweep().contains("in use"))
            #expect(try await corner.claim(worker, 5).count == 5)
        }
        #expect(try await corner.queue.sweep().contains("emptied"))
        #expect(try await corner.claim(worker, 100).count == 6)
    }

    @Test(.database(migrated: true)) func `a held snapshot does not stop it, and speed does not need it`() async throws
    {
        let (corner, holder) = (try await open(), try await Corner.connect())
        try await corner.enqueue(10)
        try await holder.transaction(isolation: .repeatableRead) { holder async throws in
            _ = try await holder.value("select count(*) from sluice.model", as: Int64.self)
            #expect(try await corner.queue.sweep().contains("emptied"))
        }
        #expect(try await corner.claim(try await corner.worker(), 100).count == 10)
    }

    @Test(.database(migrated: true)) func `it refuses an isolation level at which it would lose rows`() async throws {
        let corner = try await open()
        let code = try await code {
            try await corner.connection.transaction(isolation: .repeatableRead) { transaction async throws in
                _ = try await Queue(transaction).sweep()
            }
        }
        #expect(code == .invalidArgument)
    }

    @Test(.database(migrated: true)) func `sweeping all the time loses nothing`() async throws {
        let corner = try await open()
        let total = 3000
        let ended = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<2 {
                let producer = try await corner.another()
                group.addTask {
                    for _ in 0..<(total / 2 / 10) { try await producer.enqueue(10) }
                    return []
                }
            }
            for _ in 0..<4 {
                let claimer = try await corner.another()
                group.addTask {
                    let worker = try await claimer.worker()
                    var ended: [Int64] = []
                    var idle = 0
                    while idle < 200 {
                        let jobs = try await claimer.claim(worker, 20)
                        idle = jobs.isEmpty ? idle + 1 : 0
                        let refused = try await claimer.queue.finish(worker: worker, jobs.map { $0.ended(.succeeded) })
                        #expect(refused.isEmpty)
                        ended += jobs.map(\.id)
                    }
                    return ended
                }
            }
            let sweeper = try await corner.another()
            group.addTask {
                for _ in 0..<300 { _ = try await sweeper.queue.sweep() }
                return []
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        // Claimers that found nothing for a while have left, perhaps before the producers were done.
        let worker = try await corner.worker()
        var rest: [Int64] = []
        while case let jobs = try await corner.claim(worker, 1000), !jobs.isEmpty { rest += jobs.map(\.id) }
        #expect(Set(ended + rest).count == total && ended.count + rest.count == total)
        #expect(try await corner.violations() == [])
    }
}

@Suite(.database(migrated: true))
struct WakeTests {
    /// A listener on the corner's model, and how many notifications came before a mark of its own.
    private func listen(_ corner: Corner) async throws -> Connection {
        let listener = try await Corner.connect()
        try await listener.listen("sluice_model_\(try await corner.modelID)")
        try await listener.listen("mark_\(try await corner.modelID)")
        return listener
    }

    private func count(_ corner: Corner, _ listener: Connection) async throws -> Int {
        try await listener.execute(script: "notify mark_\(try await corner.modelID)")
        var count = 0
        for await notification in listener.notifications {
            if notification.channel.hasPrefix("mark") { break }
            count += 1
        }
        return count
    }

    /// Says that a worker will wait for a minute.
    private func wait(_ corner: Corner, _ worker: Int64) async throws {
        #expect(try await corner.queue.claim(worker: worker, limit: 1, waiting: .seconds(60)).jobs.isEmpty)
    }

    @Test func `nobody is notified while nobody waits`() async throws {
        let corner = try await Corner.open()
        let listener = try await listen(corner)
        for _ in 0..<10 { try await corner.enqueue() }
        #expect(try await count(corner, listener) == 0)
    }

    @Test func `who waits is notified once, however many jobs come`() async throws {
        let corner = try await Corner.open()
        let listener = try await listen(corner)
        let worker = try await corner.worker()
        try await wait(corner, worker)
        try await corner.enqueue(100)
        for _ in 0..<10 { try await corner.enqueue() }
        #expect(try await count(corner, listener) == 1)
        _ = try await corner.claim(worker, 1000)
        try await wait(corner, worker)
        try await corner.enqueue()
        #expect(try await count(corner, listener) == 1)
    }

    @Test func `a wait that is over is forgotten`() async throws {
        let corner = try await Corner.open()
        let listener = try await listen(corner)
        _ = try await corner.queue.claim(
            worker: try await corner.worker(), limit: 1, waiting: .milliseconds(1))
        _ = try await corner.connection.value("select pg_sleep(0.01)::text", as: String.self)
        try await corner.enqueue()
        #expect(try await count(corner, listener) == 0)
    }

    @Test func `an enqueue that stays uncommitted for long wakes at its commit`() async throws {
        let (corner, slow) = (try await Corner.open(), try await Corner.connect())
        let listener = try await listen(corner)
        let worker = try await corner.worker()
        try await slow.transaction { transaction async throws in
            _ = try await transaction.value("select sluice.enqueue('\(corner.model)', '{}')", as: Int64.self)
            // Only now somebody begins to wait.
            try await wait(corner, worker)
            #expect(try await count(corner, listener) == 0)
        }
        #expect(try await count(corner, listener) == 1)
        #expect(try await corner.claim(worker).count == 1)
    }

    @Test func `a retry, a promotion and a returned lease wake as well`() async throws {
        let corner = try await Corner.open()
        let listener = try await listen(corner)
        let (worker, other) = (try await corner.worker(), try await corner.worker())
        let id = try await corner.enqueue()
        let job = try await corner.claimOne(worker)
        try await wait(corner, other)
        try await corner.finish(worker, job, .retried)
        #expect(try await count(corner, listener) == 1)

        let again = try await corner.claimOne(worker)
        try await corner.finish(worker, again, .retried, delay: .seconds(60))
        try await wait(corner, other)
        try await corner.connection.execute(script: "update sluice.scheduled set due_at = now() where id = \(id)")
        _ = try await corner.queue.promote(from: nil)
        #expect(try await count(corner, listener) == 1)

        _ = try await corner.claimOne(worker)
        try await wait(corner, other)
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "test")
        #expect(try await count(corner, listener) == 1)
    }
}
