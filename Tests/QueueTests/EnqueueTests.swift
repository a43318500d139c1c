import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true))
struct EnqueueTests {
    @Test func `a job enqueued in plain SQL is claimable when its transaction commits`() async throws {
        let (corner, other) = (try await Corner.open(), try await Corner.connect())
        let worker = try await corner.worker()
        let id = try await other.transaction { transaction async throws in
            let id: Int64 = try await transaction.value("select sluice.enqueue('\(corner.model)', '{\"a\": 1}')")
            #expect(try await corner.claim(worker).isEmpty)
            return id
        }
        let job = try await corner.claimOne(worker)
        #expect(
            job.id == id && job.attempt == 1 && job.kind == .chat
                && String(decoding: job.payload, as: UTF8.self) == #"{"a": 1}"#)
    }

    @Test func `a transaction that is rolled back enqueues nothing`() async throws {
        struct Regret: Error {}
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        await #expect(throws: Regret.self) {
            try await corner.connection.transaction { transaction async throws in
                _ = try await transaction.value("select sluice.enqueue('\(corner.model)', '{}')", as: Int64.self)
                throw Regret()
            }
        }
        #expect(try await corner.claim(worker).isEmpty)
    }

    @Test func `many are accepted in the order of their payloads`() async throws {
        let corner = try await Corner.open()
        let ids = try await corner.queue.enqueue(
            model: corner.model, payloads: (0..<50).map { Array(#"{"n":\#($0)}"#.utf8) })
        let jobs = try await corner.claim(try await corner.worker(), 100)
        #expect(jobs.map(\.id) == ids)
        #expect(jobs.map { String(decoding: $0.payload, as: UTF8.self) } == (0..<50).map { #"{"n":\#($0)}"# })
    }

    @Test func `none of many is accepted when one is bad`() async throws {
        let corner = try await Corner.open()
        let error = try await #require(throws: QueueError.self) {
            _ = try await corner.queue.enqueue(model: corner.model, payloads: [Array("{}".utf8), Array("[]".utf8)])
        }
        #expect(error.code == .invalidArgument && error.message.hasPrefix("Payload 2 "))
        #expect(try await corner.claim(try await corner.worker()).isEmpty)
    }

    @Test func `many are at most 10,000, and may be none`() async throws {
        let corner = try await Corner.open()
        #expect(try await code { try await corner.enqueue(10_001) } == .invalidArgument)
        #expect(try await corner.enqueue(0).isEmpty)
    }

    @Test func `an unknown model is told apart, with those there are`() async throws {
        let corner = try await Corner.open()
        let error = try await #require(throws: QueueError.self) { try await corner.enqueue { $0.model = "nobody" } }
        #expect(error.code == .unknownModel && error.message == #"There is no model named "nobody"."#)
        #expect(error.hint?.hasPrefix("Known models: ") == true)
        #expect(
            try await code { _ = try await corner.queue.enqueue(model: "nobody", payloads: [Array("{}".utf8)]) }
                == .unknownModel)
    }

    @Test func `an unknown tenant is told apart`() async throws {
        let corner = try await Corner.open()
        let error = try await #require(throws: QueueError.self) { try await corner.enqueue { $0.tenant = "nobody" } }
        #expect(error.code == .unknownTenant && error.hint == "Add it with sluice.put_tenant.")
    }

    @Test(arguments: [
        "payload => '[]'", "payload => null", "payload => '{}', priority => 5", "payload => '{}', priority => -1",
        "payload => '{}', priority => null", "payload => '{}', deadline => now() - interval '1 s'",
        "payload => '{}', run_at => now() + interval '2 h', deadline => now() + interval '1 h'",
        "payload => '{}', max_attempts => 0", "payload => '{}', max_attempts => 101",
        "payload => '{}', max_attempts => 100000", "payload => '{}', idempotency_key => ''",
        "payload => '{}', idempotency_key => repeat('x', 257)", "payload => '{}', affinity => repeat('x', 513)",
        "payload => '{}', kind => null",
        "payload => '{}', run_at => 'infinity'", "payload => '{}', run_at => '-infinity'",
        "payload => '{}', deadline => 'infinity'", "payload => '{}', deadline => '-infinity'",
    ])
    func `a bad argument is refused in a sentence`(arguments: String) async throws {
        let corner = try await Corner.open()
        let error = try await #require(throws: PostgresError.self) {
            _ = try await corner.connection.value(
                "select sluice.enqueue('\(corner.model)', \(arguments))", as: Int64.self)
        }
        #expect(QueueError(error).code == .invalidArgument)
        #expect(QueueError(error).message.hasSuffix("."))
    }

    @Test func `a payload that is not JSON is refused`() async throws {
        let corner = try await Corner.open()
        #expect(try await code { try await corner.enqueue { $0.payload = Array("{".utf8) } } == .invalidData)
        #expect(try await code { try await corner.enqueue { $0.payload = [0x7B, 0, 0x7D] } } == .invalidData)
        #expect(try await code { try await corner.enqueue { $0.payload = [0x7B, 0xFF, 0x7D] } } == .invalidData)
    }

    @Test func `a payload comes out as it went in`() async throws {
        let corner = try await Corner.open()
        let text = #"{ "z":1, "a":"Ünïcödé 😀 \u0000 \ud83d", "a": 2}"#
        try await corner.enqueue { $0.payload = Array(text.utf8) }
        let job = try await corner.claimOne(try await corner.worker())
        #expect(String(decoding: job.payload, as: UTF8.self) == text)
    }

    @Test func `a payload of 16 MiB is accepted and one byte more is not`() async throws {
        let corner = try await Corner.open()
        func payload(_ bytes: Int) -> [UInt8] {
            Array(#"{"a":""#.utf8) + Array(repeating: UInt8(ascii: "x"), count: bytes - 8) + Array(#""}"#.utf8)
        }
        try await corner.enqueue { $0.payload = payload(16 << 20) }
        let error = try await #require(throws: QueueError.self) {
            try await corner.enqueue { $0.payload = payload(16 << 20 + 1) }
        }
        #expect(error.code == .invalidArgument && error.message.contains("payload_bytes_max"))
    }

    @Test func `a scheduled job waits until it is due`() async throws {
        let corner = try await Corner.open()
        let id: Int64 = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{}', run_at => now() + interval '1 h')")
        #expect(try await corner.state(id) == .scheduled)
        #expect(try await corner.claim(try await corner.worker()).isEmpty)
    }

    @Test func `a job whose time has come already is queued at once`() async throws {
        let corner = try await Corner.open()
        let id: Int64 = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{}', run_at => now() - interval '1 h')")
        #expect(try await corner.state(id) == .queued)
    }

    @Test func `a claim tells how long is left`() async throws {
        let corner = try await Corner.open()
        let _: Int64 = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{}', deadline => now() + interval '1 h')")
        let job = try await corner.claimOne(try await corner.worker())
        let left = try #require(job.deadlineMilliseconds)
        #expect((3_500_000...3_600_000).contains(left) && job.queuedMilliseconds >= 0)
    }

    /// Programs before this one took infinities.
    @Test func `a time that is none holds up no queue`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let ids = try await corner.enqueue(3)
        let model = try await corner.modelID
        try await corner.connection.execute(
            script: "update sluice.job set run_at = '-infinity', deadline_at = 'infinity' where model_id = \(model)")
        #expect(try await corner.queue.overview().contains { $0.model == corner.model })
        let jobs = try await corner.claim(worker, 3)
        #expect(jobs.map(\.id) == ids)
        #expect(jobs.allSatisfy { $0.deadlineMilliseconds == nil && $0.queuedMilliseconds >= 0 })
        try await corner.finish(worker, jobs[0], .succeeded)
        #expect(try await corner.queue.results(of: [ids[0]]).first?.state == .succeeded)
        _ = try await corner.queue.workerEnded(worker, orderly: false, cause: "SIGSEGV", started: [ids[1]])
        let suspect = try #require(try await corner.queue.claimSuspect(worker: try await corner.worker()))
        #expect(suspect.id == ids[1] && suspect.deadlineMilliseconds == nil && suspect.queuedMilliseconds >= 0)
    }

    @Test func `jobs of one affinity share a bucket, others are spread`() async throws {
        let corner = try await Corner.open()
        for _ in 0..<20 { try await corner.enqueue { $0.affinity = "conversation" } }
        try await corner.enqueue(200)
        let model = try await corner.modelID
        #expect(
            try await corner.connection.value(
                """
                select count(distinct r.bucket) from sluice.ready r join sluice.job j using (id)
                where r.model_id = \(model) and j.affinity is not null
                """, as: Int64.self) == 1)
        #expect(
            try await corner.connection.value(
                """
                select count(distinct r.bucket) from sluice.ready r join sluice.job j using (id)
                where r.model_id = \(model) and j.affinity is null
                """, as: Int64.self) > 150)
        // What the queue holds is what a retry computes.
        #expect(
            try await corner.connection.value(
                """
                select count(*) from sluice.ready r join sluice.job j using (id)
                where r.model_id = \(model) and r.bucket <> sluice.bucket(j.id, j.affinity)
                """, as: Int64.self) == 0)
    }

    @Test func `a job keeps its own number of attempts`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue { $0.maximumAttempts = 2 }
        #expect(try await corner.claimOne(try await corner.worker()).maximumAttempts == 2)
    }
}

@Suite(.database(migrated: true))
struct IdempotencyTests {
    @Test func `the same key makes the same job`() async throws {
        let corner = try await Corner.open()
        let first = try await corner.enqueue { $0.idempotencyKey = "a" }
        #expect(try await corner.enqueue { $0.idempotencyKey = "a" } == first)
        #expect(try await corner.enqueue { $0.idempotencyKey = "b" } != first)
        #expect(try await corner.claim(try await corner.worker(), 10).count == 2)
    }

    @Test func `a key may not be used for another request`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue { $0.idempotencyKey = "different" }
        let code = try await code {
            try await corner.enqueue {
                $0.idempotencyKey = "different"
                $0.payload = Array(#"{"a":2}"#.utf8)
            }
        }
        #expect(code == .idempotencyKeyReused)
    }

    @Test func `tenants have keys of their own`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(script: "select sluice.put_tenant('neighbour')")
        let first = try await corner.enqueue { $0.idempotencyKey = "shared" }
        let second = try await corner.enqueue {
            $0.idempotencyKey = "shared"
            $0.tenant = "neighbour"
        }
        #expect(first != second)
    }

    @Test func `of many at once with one key one makes the job`() async throws {
        let corner = try await Corner.open()
        let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<8 {
                let other = try await corner.another()
                group.addTask { try await other.enqueue { $0.idempotencyKey = "race" } }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await corner.claim(try await corner.worker(), 10).map(\.id) == Array(ids))
    }

    @Test func `a key whose job is forgotten meanwhile makes a new job`() async throws {
        let corner = try await Corner.open()
        let first = try await corner.enqueue { $0.idempotencyKey = "gone" }
        // Between the look that finds the key taken and the one that asks by which job.
        try await corner.connection.execute(
            script: """
                create function forget() returns trigger language plpgsql as $$
                begin
                    delete from sluice.idempotency i where i.job_id = \(first);
                    return null;
                end $$;
                create trigger forget after insert on sluice.idempotency for each statement execute function forget();
                """)
        let second: Int64? = try await corner.connection.value(
            "select sluice.enqueue('\(corner.model)', '{\"b\":1}', idempotency_key => 'gone')")
        #expect(second != nil && second != first)
        #expect(try await corner.claim(try await corner.worker(), 10).map(\.id) == [first, second])
    }

    @Test func `a key whose enqueue is rolled back is free again`() async throws {
        struct Regret: Error {}
        let corner = try await Corner.open()
        await #expect(throws: Regret.self) {
            try await corner.connection.transaction { transaction async throws in
                _ = try await transaction.value(
                    "select sluice.enqueue('\(corner.model)', '{\"b\":1}', idempotency_key => 'free')", as: Int64.self)
                throw Regret()
            }
        }
        try await corner.enqueue { $0.idempotencyKey = "free" }
        #expect(try await corner.claim(try await corner.worker(), 10).count == 1)
    }
}
