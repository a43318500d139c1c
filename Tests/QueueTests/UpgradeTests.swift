import Domain
import Postgres
import Queue
import SQLFiles
import TestSupport
import Testing

/// Databases of older versions, with jobs in them, are brought to the newest.
///
/// What was there is written as the programs of then wrote it: their functions are gone, but their tables are in the
/// migrations, which never change.
struct UpgradeTests {
    /// Every version there has been but the newest.
    private static let versions = SQLFiles.migrations.map(\.version).dropLast()

    /// Jobs 1 to 6: queued, running, succeeded, scheduled and due, failed, queued again after an attempt.
    private static let rows = """
        create sequence sluice.waiter_1 minvalue 0 start 0;
        insert into sluice.model (name, waiter) values ('model-old', 'sluice.waiter_1');
        create sequence sluice.virtual_time_1_0 minvalue 0 start 0;
        create sequence sluice.virtual_time_1_1 minvalue 0 start 0;
        create sequence sluice.virtual_time_1_2 minvalue 0 start 0;
        create sequence sluice.virtual_time_1_3 minvalue 0 start 0;
        create sequence sluice.virtual_time_1_4 minvalue 0 start 0;
        insert into sluice.deployment (model_id, name, backend, virtual_time)
        select 1, 'deployment-old', 'mock', array_agg(format('sluice.virtual_time_1_%s', p)::regclass order by p)
        from generate_series(0, 4) p;
        insert into sluice.worker (deployment_id, host, pid, slots, direct, revision) values (1, 'h', 1, 8, false, 1);
        insert into sluice.worker_heartbeat values (1, clock_timestamp());

        do $$
        declare parent text;
        begin
            foreach parent in array array['job', 'result', 'past_attempt'] loop
                execute format('create table sluice.%I (like sluice.%I including all)', parent || '_0', parent);
                execute format('alter table sluice.%I attach partition sluice.%I for values from (0) to (10000000)',
                    parent, parent || '_0');
            end loop;
        end $$;
        insert into sluice.job (key, model_id, tenant_id, priority, max_attempts, payload)
        select 1000 * n, 1, 1, 2, 5, json_build_object('n', n) from generate_series(1, 6) n;
        insert into sluice.ready (key, id, model_id, tenant_id, priority, bucket, attempt, failures, ring) values
            (1000, 1, 1, 1, 2, 11, 0, 0, 0), (7000, 6, 1, 1, 2, 66, 1, 1, 0);
        insert into sluice.placement (id, key, priority) values (6, 7000, 2);
        insert into sluice.past_attempt (id, started_at, worker_id, deployment_id, attempt, outcome, error_class)
        values (6, now(), 1, 1, 1, 'retried', 'retryable');
        insert into sluice.running
            (id, key, worker_id, model_id, tenant_id, priority, bucket, attempt, failures, crashes, ring)
        values (2, 2000, 1, 1, 1, 2, 22, 1, 0, 0, 0);
        insert into sluice.scheduled (due_at, id, model_id, tenant_id, priority, bucket)
        values (now(), 4, 1, 1, 2, 44);
        insert into sluice.result (id, started_at, worker_id, deployment_id, attempt, state, body)
        values (3, now(), 1, 1, 1, 'succeeded', '{"n": 3}');
        insert into sluice.result (id, started_at, worker_id, deployment_id, attempt, state, error_class)
        values (5, now(), 1, 1, 1, 'failed', 'invalid_request');
        """

    /// Functions of older programs that took or returned something else.
    private static let functions = """
        create function sluice.claim(p_worker bigint, p_limit int, p_floors bigint[], p_wait_ms int)
            returns table (id bigint, payload json, floors bigint[]) language sql as 'select 1::bigint, null::json, null::bigint[]';
        create function sluice.claim_suspect(p_worker bigint)
            returns table (id bigint, payload json, floors bigint[]) language sql as 'select 1::bigint, null::json, null::bigint[]';
        """
    /// Some whose change of shape is migration 20's: those it meets must go.
    private static let beforeAudit = """
        create function sluice.set_limits(text, int, int, bigint, int) returns int language sql as 'select 1';
        create function sluice.set_queue_bound(int, text, text) returns void language sql as 'select 1';
        create function sluice.set_guard(text, int, int, int, int, int, text, text, text[]) returns void language sql as 'select 1';
        create function sluice.finish(
            bigint, bigint[], smallint[], text[], json[], sluice.error_class[], text[], bigint[], int[], int[], boolean[])
            returns bigint[] language sql as 'select $2';
        create function sluice.restore(text, text) returns text language sql as 'select $1';
        """
    /// One whose change of shape is migration 21's.
    private static let beforeOvertaken = """
        create function sluice.heartbeat(p_worker bigint, p_in_flight bigint[], real, boolean, int, int, sluice.error_class[],
                int[], int[], int[], int[], bigint)
            returns table (wanted text, cancelled bigint[]) language sql as 'select null::text, null::bigint[]';
        """
    /// One that migration 4 dropped.
    private static let recordBackend = """
        create function sluice.record_backend(text, text, text, text, text[], boolean)
            returns text language sql as 'select $1';
        """

    /// Makes a database of that version.
    private func make(_ version: Int32, _ connection: Connection) async throws {
        let applied = Statement(
            "test_applied",
            "insert into sluice.schema_version (version, name, digest) values ($1, $2, encode(sha256($3), 'hex'))")
        for migration in SQLFiles.migrations where migration.version <= version {
            try await connection.execute(script: String(decoding: migration.sql, as: UTF8.self))
            _ = try await connection.query(applied, migration.version, migration.name, migration.sql)
        }
        _ = try await connection.query(applied, Int32(0), "functions", Array("of then".utf8))
        try await connection.execute(
            script: Self.rows + (version < 20 ? Self.functions + Self.beforeAudit : "")
                + (version == 20 ? Self.beforeOvertaken : "") + (version < 4 ? Self.recordBackend : ""))
    }

    @Test(.database, arguments: versions) func `an older database goes on with its jobs`(version: Int32) async throws {
        let connection = try await Corner.connect()
        try await make(version, connection)
        let plan = try await Migrator(connection).migrate()
        let pending = SQLFiles.migrations.filter { $0.version > version }.map(\.name)
        #expect(plan.from == version && plan.migrations == pending && plan.replacesFunctions)
        try await Migrator(connection).check()
        let overloaded: [String] = try await connection.values(
            """
            select p.proname::text from pg_proc p where p.pronamespace = 'sluice'::regnamespace
            group by p.proname having count(*) > 1
            """)
        #expect(overloaded == [], "a function of then is in the way")

        let corner = Corner(connection: connection, model: "model-old", deployment: "deployment-old")
        let ids: [Int64] = [1, 2, 3, 4, 5, 6]
        #expect(
            try await corner.queue.status(of: ids).map(\.state)
                == [.queued, .running, .succeeded, .scheduled, .failed, .queued])
        #expect(try await corner.queue.answer(of: 3) == Array(#"{"n": 3}"#.utf8))

        // The worker of then is still there and delivers.
        #expect(try await corner.queue.heartbeat(worker: 1, inFlight: [2]).wanted == .run)
        let delivered = AttemptResult(job: 2, attempt: 1, outcome: .succeeded, body: Array("{}".utf8))
        #expect(try await corner.queue.finish(worker: 1, [delivered]).isEmpty)

        #expect(try await corner.queue.promote(from: nil).promoted == 1)
        try await corner.queue.retry(5)
        let new = try await corner.enqueue { ($0.kind, $0.isStreaming) = (.response, true) }
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 10)
        #expect(Set(jobs.map(\.id)) == [1, 4, 5, 6, new])
        #expect(jobs.first { $0.id == 6 }.map { $0.attempt == 2 && $0.failures == 1 } == true)
        #expect(jobs.first { $0.id == 1 }.map { String(decoding: $0.payload, as: UTF8.self) } == #"{"n" : 1}"#)
        for job in jobs { #expect(try await corner.finish(worker, job, .succeeded)) }
        #expect(try await corner.queue.status(of: ids + [new]).allSatisfy { $0.state == .succeeded })
        #expect(try await corner.violations() == [])
    }
}
