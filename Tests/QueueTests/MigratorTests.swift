import Domain
import Postgres
import Queue
import SQLFiles
import TestSupport
import Testing

/// Each test migrates a database of its own.
struct MigratorTests {
    private static let names = SQLFiles.migrations.map(\.name)

    @Test(.database) func `from nothing it makes the schema`() async throws {
        let connection = try await Corner.connect()
        let plan = try await Migrator(connection).migrate()
        #expect(plan.from == 0 && plan.migrations == Self.names && plan.replacesFunctions)
        try await Migrator(connection).check()
        #expect(try await Queue(connection).overview().isEmpty)
    }

    @Test func `function files only replace: what has to be dropped first is a migration's`() {
        let dropping = SQLFiles.functions.filter {
            let text = String(decoding: $0.sql, as: UTF8.self)
            return text.contains("drop function") || text.contains("drop view")
        }
        #expect(dropping.map(\.name) == [])
    }

    @Test(.database) func `a second time there is nothing to do`() async throws {
        let connection = try await Corner.connect()
        _ = try await Migrator(connection).migrate()
        let plan = try await Migrator(connection).migrate()
        #expect(plan.isEmpty && plan.from == plan.to)
    }

    @Test(.database) func `a plan changes nothing`() async throws {
        let connection = try await Corner.connect()
        #expect(try await Migrator(connection).plan().migrations == Self.names)
        #expect(try await connection.value("select to_regnamespace('sluice') is null"))
    }

    @Test(.database) func `a database without the schema says what to run`() async throws {
        let connection = try await Corner.connect()
        let error = try await #require(throws: QueueError.self) { try await Migrator(connection).check() }
        #expect(error.code == .schemaMismatch && error.hint == "Run `sluice migrate`.")
        let call = try await #require(throws: QueueError.self) { try await Queue(connection).sweep() }
        #expect(call.code == .schemaMismatch)
    }

    @Test(.database(migrated: true)) func `functions of another version are replaced`() async throws {
        let connection = try await Corner.connect()
        try await connection.execute(
            script: """
                update sluice.schema_version set digest = 'other' where version = 0;
                create or replace function sluice.sweep() returns text language sql as 'select ''broken''';
                """)
        #expect(try await code { try await Migrator(connection).check() } == .schemaMismatch)
        let plan = try await Migrator(connection).migrate()
        #expect(plan.migrations.isEmpty && plan.replacesFunctions)
        #expect(try await Queue(connection).sweep() != "broken")
    }

    @Test(.database(migrated: true)) func `functions of a newer release are kept, those of an older one replaced`()
        async throws
    {
        let connection = try await Corner.connect()
        let release = Statement("test_release", "select release from sluice.schema_version where version = 0")
        func found() async throws -> String? { try await connection.query(release).first?.decode(0) }
        #expect(try await found() == "\(Release.current)")
        try await connection.execute(
            script: "update sluice.schema_version set digest = 'other', release = '99.1' where version = 0")
        let error = try await #require(throws: QueueError.self) { try await Migrator(connection).migrate() }
        #expect(error.code == .schemaMismatch && error.message.contains("99.1") && error.hint == "Use a newer sluice.")
        #expect(try await code { try await Migrator(connection).check() } == .schemaMismatch)
        for older in ["'0.0.9'", "null", "'what is this'"] {
            try await connection.execute(
                script: "update sluice.schema_version set digest = 'other', release = \(older) where version = 0")
            #expect(try await Migrator(connection).migrate().replacesFunctions)
            #expect(try await found() == "\(Release.current)")
        }
    }

    @Test(.database(migrated: true)) func `a newer database is refused`() async throws {
        let connection = try await Corner.connect()
        try await connection.execute(
            script: "insert into sluice.schema_version (version, name, digest) values (99, 'later', '')")
        let error = try await #require(throws: QueueError.self) { try await Migrator(connection).migrate() }
        #expect(error.code == .schemaMismatch && error.message.contains("99"))
        #expect(try await code { try await Migrator(connection).check() } == .schemaMismatch)
    }

    @Test(.database(migrated: true)) func `a migration that is not ours is refused`() async throws {
        let connection = try await Corner.connect()
        try await connection.execute(script: "update sluice.schema_version set digest = 'other' where version = 1")
        let error = try await #require(throws: QueueError.self) { try await Migrator(connection).migrate() }
        #expect(error.code == .schemaMismatch && error.message.contains("0001_schema"))
    }

    @Test(.database) func `of two at once one waits and finds nothing to do`() async throws {
        let (one, two) = (try await Corner.connect(), try await Corner.connect())
        async let first = Migrator(one).migrate()
        async let second = Migrator(two).migrate()
        let plans = try await [first, second]
        #expect(plans.count { $0.isEmpty } == 1)
    }

    @Test(.database) func `a failed migration leaves nothing and no lock`() async throws {
        let (one, two) = (try await Corner.connect(), try await Corner.connect())
        // In the way of the first statement.
        try await one.execute(script: "create schema sluice")
        await #expect(throws: QueueError.self) { try await Migrator(one).migrate() }
        #expect(try await one.value("select to_regclass('sluice.job') is null"))
        try await one.execute(script: "drop schema sluice")
        #expect(try await Migrator(two).migrate().migrations == Self.names)
    }

    @Test(.database(migrated: true)) func `a migrator that is cut off says what happened, not that it cannot clean up`()
        async throws
    {
        let (one, two, three) = (try await Corner.connect(), try await Corner.connect(), try await Corner.connect())
        let process: Int32 = try await one.value("select pg_backend_pid()")
        let error = try await two.transaction { two async throws in
            _ = try await two.query(Statement("test_lock", "lock table sluice.schema_version in access exclusive mode"))
            async let migrated = Migrator(one).migrate()
            try await eventually("it waits") {
                try await three.value(
                    "select count(*) = 1 from pg_stat_activity where pid = \(process) and wait_event_type = 'Lock'",
                    as: Bool.self)
            }
            _ = try await three.value("select pg_terminate_backend(\(process))", as: Bool.self)
            do {
                _ = try await migrated
                return nil as QueueError?
            } catch let error as QueueError {
                return error
            }
        }
        let said = String(describing: error)
        #expect(error?.code == .unavailable && error?.message.contains("schema_version") == true, "\(said)")
    }

    @Test(.database) func `a read-only database is refused in a clear sentence`() async throws {
        let connection = try await Corner.connect()
        try await connection.execute(script: "set default_transaction_read_only = on")
        let error = try await #require(throws: QueueError.self) { try await Migrator(connection).migrate() }
        #expect(error.code == .unavailable && error.message == "The database is read-only.")
        #expect(error.hint?.contains("target_session_attrs") == true)
    }
}

@Suite(.database(migrated: true))
struct SchemaTests {
    @Test func `every table, view, function and type says what it is for`() async throws {
        let connection = try await Corner.connect()
        let silent: [String] = try await connection.values(
            """
            select c.relname::text from pg_class c
            where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
                and obj_description(c.oid, 'pg_class') is null
            union all
            select p.proname::text from pg_proc p
            where p.pronamespace = 'sluice'::regnamespace and obj_description(p.oid, 'pg_proc') is null
            union all
            select t.typname::text from pg_type t
            where t.typnamespace = 'sluice'::regnamespace and t.typtype = 'e' and obj_description(t.oid, 'pg_type') is null
            """)
        #expect(silent == [])
    }

    @Test(arguments: ["claim", "finish", "heartbeat", "promote_due", "cancel"])
    func `a hot function has its plans pinned`(name: String) async throws {
        let settings: [String] = try await Corner.connect().values(
            "select unnest(p.proconfig) from pg_proc p where p.oid = 'sluice.\(name)'::regproc")
        #expect(
            Set(settings).isSuperset(of: [
                "plan_cache_mode=force_generic_plan", "enable_seqscan=off", "enable_bitmapscan=off",
                "enable_hashjoin=off",
                "enable_mergejoin=off", "jit=off",
            ]))
    }

    @Test func `a setting is read by some function`() async throws {
        let unread: [String] = try await Corner.connect().values(
            """
            select s.name from sluice.setting s where not exists (
                select from pg_proc p where p.pronamespace = 'sluice'::regnamespace and p.prosrc like '%''' || s.name || '''%')
            """)
        #expect(unread == [])
    }
}
