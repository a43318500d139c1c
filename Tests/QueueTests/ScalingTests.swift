import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Rules, desired numbers, and what the controller looks at. In databases of their own: there is one controller in each.
@Suite(.timeLimit(.minutes(2))) struct ScalingTests {
    private func text(_ corner: Corner, _ sql: String) async throws -> String? {
        try await corner.connection.query(Statement("scaling_probe", sql)).first?.decode(0, as: String?.self) ?? nil
    }

    private func desired(_ corner: Corner) async throws -> Int32 {
        try await corner.connection.value("select sluice.desired_workers('\(corner.deployment)')")
    }

    private func look(_ corner: Corner, _ epoch: Int64, after last: ScalingLook?) async throws -> ScalingLook {
        try #require(try await corner.queue.scalingLook(epoch: epoch, since: last?.taken, after: last?.lastJob).first)
    }

    private func order(_ corner: Corner, _ workers: Int32, changed: Bool = true) async throws -> ScalingOrder {
        let id: Int32 = try await corner.connection.value(
            "select id from sluice.deployment where name = '\(corner.deployment)'")
        return ScalingOrder(
            deployment: id, workers: workers, hasChanged: changed, cause: "demand",
            reason: "\(workers) workers: a test",
            inputs: #"{"waiting": 3}"#, memory: #"{"runTime": 1}"#)
    }

    @Test(.database(migrated: true)) func `a rule is changed word by word, on record, and with RunPod's names`()
        async throws
    {
        let corner = try await Corner.open()
        let name = corner.deployment
        func scale(_ words: String) async throws -> String? {
            try await text(corner, "select sluice.scale('\(name)', \(words))")
        }
        #expect(try await scale("3") == "\"\(name)\": 3 workers, were 1.")
        #expect(try await desired(corner) == 3)
        #expect(
            try await scale("min_workers => 1, max_workers => 8, objective => '20 s', why => 'a test'")
                == "\"\(name)\": 1 to 8 workers by queue_delay.")
        // It goes on from as many as there were.
        #expect(try await desired(corner) == 3)
        #expect(try await text(corner, "select why from sluice.audit order by id desc limit 1") == "a test")
        #expect(
            try await scale(
                "workersMin => 0, workersMax => 2, scalerType => 'REQUEST_COUNT', scalerValue => 4, idleTimeout => 5")
                == "\"\(name)\": 0 to 2 workers by request_count.")
        let rule = try await text(
            corner,
            """
            select concat_ws(' ', min_workers, max_workers, scaler, per_worker, idle_timeout_ms, objective_ms) from sluice.scaling
            """)
        #expect(rule == "0 2 request_count 4 5000 20000")
        #expect(try await desired(corner) == 2)
        _ = try await scale("defaults => '{idle_timeout_ms, scaler}'")
        #expect(
            try await text(
                corner, "select concat_ws(' ', scaler, coalesce(idle_timeout_ms::text, 'learned')) from sluice.scaling")
                == "queue_delay learned")
        // A number somebody gives is meant.
        _ = try await scale("5")
        #expect(try await desired(corner) == 5)
        #expect(try await text(corner, "select scaler from sluice.scaling_status") == "fixed")
        let revision = try await text(corner, "select revision::text from sluice.deployment")
        _ = try await scale("slots => 3")
        #expect(
            try await text(corner, "select slots || ' ' || (revision > \(revision ?? "")) from sluice.deployment")
                == "3 true")
    }

    @Test(
        .database(migrated: true),
        arguments: [
            (#"{"min_workers": 3, "max_workers": 2}"#, "min_workers (3) is above max_workers (2)."),
            (#"{"workers": 2}"#, "A rule of scaling has no \"workers\"."),
            (#"{"max_workers": 1001}"#, "\"max_workers\" is 0 to 1000, a whole number."),
            (#"{"max_workers": 1.5}"#, "\"max_workers\" is 0 to 1000, a whole number."),
            (#"{"utilization": 2}"#, "\"utilization\" is 0.01 to 1."),
            (#"{"scaler": "magic"}"#, "A scaler is queue_delay, request_count, utilization, sql or schedule."),
            (#"{"scaler": "sql"}"#, "The scaler sql needs a query."),
            (#"{"scaler": "schedule"}"#, "The scaler schedule needs a schedule."),
            (#"{"query": "delete from x"}"#, "A query is one SELECT of at most 4,000 bytes, without a semicolon."),
            (#"{"forecast": 1}"#, "\"forecast\" is true or false."),
            (#"{"spread": "evenly"}"#, "Workers are spread by spread, pack or external."),
            (#"{"schedule": [{"minutes": "* * *"}]}"#, "\"* * *\" is no pattern of minutes"),
            (#"{"schedule": [{"minutes": "* 8-25 * * *"}]}"#, "\"8-25\" is no field 2 of a pattern of minutes."),
            (
                #"{"schedule": [{"minutes": "* * * * *", "min_workers": 2, "max_workers": 1}]}"#,
                "The bounds of a window"
            ),
            (
                #"{"min_workers": 3, "max_workers": 8, "schedule": [{"minutes": "* * * * *", "max_workers": 1}]}"#,
                "The window \"* * * * *\" allows 3 to 1 workers; it must rise within 0 to 1000."
            ),
            (#"{"scalerType": "OTHER"}"#, "scalerType is QUEUE_DELAY or REQUEST_COUNT."),
            (#"{"money_per_hour": 5}"#, "money_per_hour needs price_per_hour, what a worker costs in an hour."),
            (#"{"price_per_hour": 0}"#, "\"price_per_hour\" is 0.000001 to 1000000000."),
            (#"{"price_per_hour": "2 EUR"}"#, "\"price_per_hour\" is a number."),
            ("[]", "Give the rule as an object"),
        ])
    func `what is impossible is refused with a sentence`(rule: String, sentence: String) async throws {
        let corner = try await Corner.open()
        let error = try await #require(throws: QueueError.self) {
            try await corner.queue.perform(.scaleBy(corner.deployment, slots: nil, rule: Array(rule.utf8)), why: nil)
        }
        #expect(error.code == .invalidArgument && error.message.contains(sentence), "\(error)")
        #expect(try await text(corner, "select scaler from sluice.scaling_status") == "fixed")
    }

    @Test(.database(migrated: true)) func `a budget may be money, when it is known what a worker costs`() async throws {
        let corner = try await Corner.open()
        let name = corner.deployment
        _ = try await text(
            corner, "select sluice.scale('\(name)', max_workers => 8, price_per_hour => 2.49, money_per_hour => 10)")
        #expect(
            try await text(corner, "select (sluice.scaling_of('\(name)') - 'max_workers' - 'min_workers')::text")
                == #"{"money_per_hour": 10, "price_per_hour": 2.49}"#)
        // What the money is to be counted by cannot be taken away under it.
        let error = try await #require(throws: QueueError.self) {
            try await corner.queue.perform(
                .scaleBy(name, slots: nil, rule: Array(#"{"price_per_hour": null}"#.utf8)), why: nil)
        }
        #expect(error.message.contains("money_per_hour needs price_per_hour"))
        let refused = try await #require(throws: PostgresError.self) {
            try await corner.connection.execute(script: "update sluice.scaling set price_per_hour = null")
        }
        #expect(refused.sqlState == "23514")
        _ = try await text(corner, "select sluice.scale('\(name)', defaults => '{money_per_hour, price_per_hour}')")
        #expect(
            try await text(corner, "select sluice.scaling_of('\(name)')::text")
                == #"{"max_workers": 8, "min_workers": 0}"#)
    }

    @Test(.database(migrated: true)) func `RunPod's value alone is one of the scaler there is`() async throws {
        let corner = try await Corner.open()
        func rule(_ words: String) async throws -> String? {
            _ = try await text(corner, "select sluice.scale('\(corner.deployment)', \(words))")
            return try await text(
                corner, "select concat_ws(' ', scaler, objective_ms, per_worker) from sluice.scaling")
        }
        #expect(try await rule("max_workers => 4, scalervalue => 7") == "queue_delay 7000 1")
        #expect(try await rule("scaler => 'request_count', per_worker => 3") == "request_count 7000 3")
        #expect(try await rule("scalervalue => 2") == "request_count 7000 2")
        #expect(try await rule("scalertype => 'QUEUE_DELAY', scalervalue => 9") == "queue_delay 9000 2")
        #expect(try await rule("scalervalue => 8, defaults => '{scaler}'") == "queue_delay 8000 2")
    }

    @Test(.database(migrated: true)) func `the defaults are those of the columns`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(
            script: "insert into sluice.scaling (deployment_id) select id from sluice.deployment")
        #expect(
            try await text(
                corner,
                """
                select (jsonb_strip_nulls(to_jsonb(s)) - 'deployment_id' = sluice.scaling_defaults())::text from sluice.scaling s
                """) == "true")
        #expect(try await text(corner, "select sluice.scaling_of('\(corner.deployment)')::text") == "{}")
    }

    @Test(.database(migrated: true)) func `what was decided is bounded by the rule, and only the leader decides`()
        async throws
    {
        let corner = try await Corner.open()
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: nil, rule: Array(#"{"min_workers": 0, "max_workers": 4}"#.utf8)),
            why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        try await corner.queue.putDesired(epoch: epoch, [try await order(corner, 3)])
        #expect(try await desired(corner) == 3)
        #expect(
            try await text(corner, "select reason || ' ' || inputs from sluice.decisions where kind = 'scaled'")
                == #"3 workers: a test {"waiting": 3}"#)
        try await corner.queue.putDesired(epoch: epoch, [try await order(corner, 9, changed: false)])
        #expect(try await desired(corner) == 4)
        #expect(try await corner.queue.scaledDeployments().map(\.memory) == [#"{"runTime": 1}"#])
        #expect(try await corner.queue.scaledDeployments().map(\.cause) == ["demand"])
        try await corner.queue.putDesired(epoch: epoch, [try await order(corner, 0)])
        #expect(try await desired(corner) == 0)
        // A window may allow more, or ask for less, than holds outside it: which is open the controller knows.
        let windows = #"{"min_workers": 2, "schedule": [{"minutes": "* * * * *", "min_workers": 1, "max_workers": 9}]}"#
        _ = try await corner.queue.perform(.scaleBy(corner.deployment, slots: nil, rule: Array(windows.utf8)), why: nil)
        #expect(try await desired(corner) == 1)
        try await corner.queue.putDesired(epoch: epoch, [try await order(corner, 12)])
        #expect(try await desired(corner) == 9)
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: nil, rule: Array(#"{"min_workers": 0, "schedule": null}"#.utf8)),
            why: nil)
        try await corner.queue.putDesired(epoch: epoch, [try await order(corner, 0)])
        // Without a worker nobody would see that it is well again.
        try await corner.connection.execute(
            script: """
                insert into sluice.deployment_health (deployment_id, breaker, open_until) select id, 'open', now() from sluice.deployment
                """)
        #expect(try await desired(corner) == 1)
        let next = try await corner.queue.leadFleet(as: "two")
        let late = try await order(corner, 2)
        #expect(try await code { try await corner.queue.putDesired(epoch: epoch, [late]) } == .superseded)
        #expect(
            try await code { _ = try await corner.queue.scalingLook(epoch: epoch, since: nil, after: nil) }
                == .superseded)
        #expect(try await corner.queue.scalingLook(epoch: next, since: nil, after: nil).count == 1)
        // What is drained has none.
        _ = try await corner.queue.perform(.drain(corner.deployment, force: true), why: nil)
        #expect(try await desired(corner) == 0)
    }

    @Test(.database(migrated: true)) func `a look sees arrivals, waits, work, starts and ends`() async throws {
        let corner = try await Corner.open()
        _ = try await corner.queue.perform(
            .scaleBy(
                corner.deployment, slots: 2,
                rule: Array(#"{"min_workers": 0, "max_workers": 4, "batch_scales": false}"#.utf8)),
            why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let idle = try await look(corner, epoch, after: nil)
        #expect(idle.arrivals == 0 && idle.waitingCounts.isEmpty && idle.ready == 0 && idle.startingAges.isEmpty)
        try await corner.enqueue(5)
        try await corner.enqueue(3, priority: .batch)
        let full = try await look(corner, epoch, after: idle)
        #expect(full.arrivals == 5 && full.waitingCounts.reduce(0, +) == 5 && full.waitingBatch == 3)
        #expect(full.waitingAges == full.waitingAges.sorted(by: >))
        let worker = try await corner.worker()
        #expect(try await look(corner, epoch, after: full).startingAges.count == 1)
        try await corner.queue.backendLoaded(worker: worker)
        let jobs = try await corner.claim(worker, 3)
        let busy = try await look(corner, epoch, after: full)
        #expect(busy.ready == 1 && busy.busy == 1 && busy.starts.count == 1 && busy.startsFailed == 0)
        // It has two slots: the third waits for one of them.
        #expect(busy.running == 2 && busy.waitingCounts.reduce(0, +) == 3 && busy.startedInTime == 3)
        for job in jobs { try await corner.finish(worker, job, .succeeded) }
        let done = try await look(corner, epoch, after: busy)
        #expect(done.runTimes.count == 3 && done.running == 0 && done.busy == 0 && done.startedInTime == 0)
        // One that was asked to end while it loaded did not fail to start.
        let unwanted = try await corner.worker()
        _ = try await corner.queue.workerEnded(unwanted, orderly: true, cause: "a test")
        let other = try await corner.worker()
        _ = try await corner.queue.workerEnded(other, orderly: false, cause: "a test")
        #expect(try await look(corner, epoch, after: done).startsFailed == 1)
        let starts = try await text(
            corner, "select host || ' ' || starts || ' ' || failed || ' ' || (p50_seconds >= 0) from sluice.cold_starts"
        )
        #expect(starts == "test 1 1 true")
    }

    @Test(.database(migrated: true))
    func `what a worker claimed ahead waits with its own age, and batch jobs that run are told apart`() async throws {
        let corner = try await Corner.open()
        func scales(_ batch: Bool) async throws {
            _ = try await corner.queue.perform(
                .scaleBy(
                    corner.deployment, slots: 2,
                    rule: Array(#"{"min_workers": 0, "max_workers": 4, "batch_scales": \#(batch)}"#.utf8)),
                why: nil)
        }
        try await scales(false)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let worker = try await corner.worker()
        try await corner.queue.backendLoaded(worker: worker)
        let normal = try await corner.enqueue(1)[0]
        let batch = try await corner.enqueue(2, priority: .batch)
        #expect(try await Set(corner.claim(worker, 3).map(\.id)) == Set(batch + [normal]))
        // The last it claimed has waited for an hour; the two before it have run for a minute.
        try await corner.connection.execute(
            script: """
                update sluice.job set created_at = created_at - interval '1 hour' where id = \(batch[1]);
                update sluice.running set started_at = started_at - interval '1 minute' where id <> \(batch[1]);
                """)
        let told = try await look(corner, epoch, after: nil)
        #expect(told.running == 2 && told.runningBatch == 1 && told.waitingBatch == 1 && told.waitingCounts == [])
        try await scales(true)
        let alike = try await look(corner, epoch, after: nil)
        #expect(alike.running == 2 && alike.runningBatch == 0 && alike.waitingBatch == 0)
        #expect(alike.waitingCounts == [1] && 3_600_000..<3_660_000 ~= alike.waitingAges[0], "\(alike)")
    }

    @Test(.database(migrated: true)) func `a look does not fail by jobs that go away while it looks`() async throws {
        let corner = try await Corner.open()
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: nil, rule: Array(#"{"min_workers": 0, "max_workers": 4}"#.utf8)),
            why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        try await corner.enqueue(200)
        // Counted, and gone when its age is asked for.
        try await corner.connection.execute(
            script:
                "delete from sluice.job where id = (select r.id from sluice.ready r order by r.key desc, r.id desc limit 1)"
        )
        let look = try await look(corner, epoch, after: nil)
        #expect(198...204 ~= look.waitingCounts.reduce(0, +) && look.waitingAges == look.waitingAges.sorted(by: >))
    }

    @Test(.database(migrated: true)) func `a job for later arrives when it is due`() async throws {
        let corner = try await Corner.open()
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: nil, rule: Array(#"{"min_workers": 0, "max_workers": 4}"#.utf8)),
            why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let idle = try await look(corner, epoch, after: nil)
        for _ in 0..<3 { try await corner.enqueue { $0.runAt = Timestamp(unixSeconds: 4e9) } }
        try await corner.enqueue(1)
        let later = try await look(corner, epoch, after: idle)
        #expect(later.arrivals == 1 && later.waitingCounts.reduce(0, +) == 1, "three are for later: \(later)")
        try await corner.connection.execute(
            script: """
                update sluice.job set run_at = clock_timestamp() where run_at is not null;
                update sluice.scheduled set due_at = clock_timestamp();
                """)
        #expect(try await corner.queue.promote(from: nil, limit: 10).promoted == 3)
        let due = try await look(corner, epoch, after: later)
        #expect(due.arrivals == 3 && due.waitingCounts.reduce(0, +) == 4, "\(due)")
        #expect(try await look(corner, epoch, after: due).arrivals == 0, "and only then")
    }

    @Test(.database(migrated: true)) func `what waits for a model is divided between those that may claim it`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 2)
        for name in names {
            _ = try await corner.queue.perform(
                .scaleBy(name, slots: nil, rule: Array(#"{"min_workers": 0, "max_workers": 4}"#.utf8)), why: nil)
        }
        let epoch = try await corner.queue.leadFleet(as: "one")
        try await corner.enqueue(1_000)
        func waiting() async throws -> [Int32] {
            try await corner.queue.scalingLook(epoch: epoch, since: nil, after: nil).map {
                $0.waitingCounts.reduce(0, +)
            }
        }
        let halves = try await waiting()
        #expect(halves.allSatisfy { 450...550 ~= $0 } && 1_000...1_010 ~= halves.reduce(0, +), "\(halves)")
        _ = try await corner.queue.perform(.isolate(names[1], force: false), why: nil)
        let all = try await waiting()
        #expect(1_000...1_004 ~= all[0] && all[1] == 0)
        _ = try await corner.queue.perform(.pause(names[0]), why: nil)
        #expect(try await waiting() == [0, 0], "what is paused asks for nobody")
    }

    @Test(.database(migrated: true), arguments: [false, true])
    func `a look reads so many rows at most, whatever waits`(isAnalyzed: Bool) async throws {
        let corner = try await Corner.open()
        _ = try await corner.queue.perform(
            .scaleBy(corner.deployment, slots: nil, rule: Array(#"{"min_workers": 0, "max_workers": 4}"#.utf8)),
            why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        for _ in 0..<6 { try await corner.enqueue(10_000) }
        try await corner.connection.execute(script: "select sluice.queue_depths(0)")
        if isAnalyzed { try await corner.connection.execute(script: "analyze") }
        let counters = Statement(
            "scaling_counters",
            """
            select coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
            from pg_stat_xact_user_tables where schemaname = 'sluice' and relname ~ '^(job|ready|result|running|suspect|worker$)'
            """)
        let (sequential, fetched, look) = try await corner.connection.transaction { transaction in
            let last: Int64 = try await transaction.query(
                Statement("scaling_last", "select pg_sequence_last_value('sluice.job_id')"))[0].decode(0)
            let before = try await transaction.query(counters)[0].decode((Int64, Int64).self)
            let look = try await Queue(transaction).scalingLook(epoch: epoch, since: nil, after: last - 20_000)
            let after = try await transaction.query(counters)[0].decode((Int64, Int64).self)
            return (after.0 - before.0, after.1 - before.1, look)
        }
        // Of the 60,000: 1,000 are counted, 5,000 of the new and some hundred of the waiting jobs are read.
        #expect(sequential == 0 && fetched < 7_000, "\(sequential) \(fetched)")
        // Beyond what is counted, what was counted last stands for it.
        #expect(59_000...61_000 ~= (look.first?.waitingCounts.reduce(0, +) ?? 0))
        #expect(19_000...21_000 ~= (look.first?.arrivals ?? 0))
    }

    @Test(.database(migrated: true)) func `an operator's query reads, and does nothing else`() async throws {
        let corner = try await Corner.open()
        func number(_ query: String) async throws -> Double? {
            try await Queue.number(of: query, on: corner.connection, timeout: .milliseconds(300))
        }
        func state(_ query: String) async -> String? {
            do {
                _ = try await number(query)
                return nil
            } catch {
                return (error as? PostgresError)?.sqlState ?? "\(error)"
            }
        }
        #expect(try await number("select 4.5") == 4.5)
        #expect(try await number("select null::int") == nil)
        #expect(try await number("select desired from sluice.scaling_status") == 1)
        #expect(await state("select pg_sleep(10)::text::int") == "57014", "it took too long")
        #expect(await state("select count(*) from sluice.job") == "42501", "payloads are nobody's business")
        #expect(await state("select sluice.scale('\(corner.deployment)', 0)::int") == "42501")
        try await corner.connection.execute(
            script: "create table public.mine (a int); grant all on public.mine to public")
        #expect(await state("with x as (insert into public.mine values (1) returning a) select a from x") != nil)
        #expect(try await text(corner, "select count(*)::text from public.mine") == "0")
        #expect(await state("select set_config('transaction_read_only', 'off', true)::text::int") == "25001")
        #expect(await state("select set_config('role', 'postgres', true)::int") != nil)
        // The transaction of the query is over, and with it what held only there.
        #expect(try await text(corner, "show transaction_read_only") == "off")
    }
}
