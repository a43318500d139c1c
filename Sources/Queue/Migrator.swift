package import Postgres
internal import Crypto
internal import Domain
internal import SQLFiles

/// Brings a database to the schema of this program.
///
/// Everything that is pending is applied in one transaction under an advisory lock: either all of it is there afterwards
/// or nothing changed, and two migrators at a time wait for each other.
package struct Migrator: Sendable {
    /// What a run does, or with a dry run would do.
    package struct Plan: Sendable {
        /// The schema version found; 0 if there is none.
        package var from: Int32
        /// The schema version of this program.
        package var to: Int32
        /// Names of the migrations to apply.
        package var migrations: [String]
        /// Whether the functions differ from this program's and are replaced.
        package var replacesFunctions: Bool
        /// Whether there is nothing to do.
        package var isEmpty: Bool { migrations.isEmpty && !replacesFunctions }
    }

    private struct Applied {
        var digests: [Int32: String] = [:]
        /// Whose functions these are, if it was said.
        var release: Release?
        var version: Int32 { digests.keys.max() ?? 0 }
    }

    private static let probe = Statement(
        "schema_probe", "select to_regclass('sluice.schema_version') is not null")
    // As JSON: older databases have no such column.
    private static let applied = Statement(
        "schema_version", "select version, digest, to_jsonb(v) ->> 'release' from sluice.schema_version v")
    private static let oldestServer = 150_000

    private let connection: Connection

    /// A migrator of the database `connection` talks to. The connection must be a direct one: an advisory lock of the
    /// session is held while it works.
    package init(_ connection: Connection) { self.connection = connection }

    /// What `migrate` would do.
    ///
    /// - Throws: `schemaMismatch` when the database is newer than this program, was changed, or is older than PostgreSQL 15.
    package func plan() async throws(QueueError) -> Plan {
        try plan(from: try await readApplied())
    }

    /// Applies what is pending. Idempotent: on a database that is up to date it changes nothing.
    package func migrate() async throws(QueueError) -> Plan {
        try await run(script: "select pg_advisory_lock(7023)")
        do {
            let plan = try plan(from: try await readApplied())
            if !plan.isEmpty { try await run(script: script(for: plan)) }
            try await run(script: "select pg_advisory_unlock(7023)")
            return plan
        } catch {
            // Why it failed is worth more than that nothing is left to roll back on a connection that was lost.
            do { try await run(script: "rollback; select pg_advisory_unlock_all()") } catch { connection.close() }
            throw error
        }
    }

    /// Succeeds when the database has exactly the schema of this program.
    ///
    /// - Throws: `schemaMismatch` with what to run.
    package func check() async throws(QueueError) {
        let plan = try await plan()
        guard plan.isEmpty else {
            throw QueueError(
                .schemaMismatch,
                plan.from == 0
                    ? "The database has no Sluice schema yet." : "The database has an older schema than this program.",
                hint: "Run `sluice migrate`.")
        }
    }

    private func plan(from applied: Applied) throws(QueueError) -> Plan {
        guard connection.serverVersion >= Self.oldestServer else {
            throw QueueError(.schemaMismatch, "Sluice needs PostgreSQL 15 or newer.")
        }
        let newest = SQLFiles.migrations.last?.version ?? 0
        guard applied.version <= newest else {
            throw QueueError(
                .schemaMismatch,
                "The database has schema version \(applied.version), newer than this program's \(newest).",
                hint: "Use a newer sluice.")
        }
        for migration in SQLFiles.migrations {
            if let digest = applied.digests[migration.version], digest != Self.digest(migration.sql) {
                throw QueueError(
                    .schemaMismatch, "Migration \(migration.name) of the database is not this program's.",
                    hint: "A released migration never changes: use the sluice that made this database.")
            }
        }
        let replacesFunctions = applied.digests[0] != Self.functionsDigest
        if replacesFunctions, let release = applied.release, release > Release.current {
            throw QueueError(
                .schemaMismatch,
                "The functions of the database are of sluice \(release), newer than this program, \(Release.current).",
                hint: "Use a newer sluice.")
        }
        return Plan(
            from: applied.version, to: newest,
            migrations: SQLFiles.migrations.filter { applied.digests[$0.version] == nil }.map(\.name),
            replacesFunctions: replacesFunctions)
    }

    private func readApplied() async throws(QueueError) -> Applied {
        do {
            guard let row = try await connection.query(Self.probe).first, try row.decode(0, as: Bool.self) else {
                return Applied()
            }
            var found = Applied()
            for row in try await connection.query(Self.applied) {
                let version: Int32 = try row.decode(0)
                found.digests[version] = try row.decode(1, as: String.self)
                if version == 0 { found.release = try row.decode(2, as: String?.self).flatMap { Release($0) } }
            }
            return found
        } catch {
            throw QueueError(error)
        }
    }

    private func script(for plan: Plan) -> String {
        var script = "begin; set local lock_timeout = '10s'; set local client_min_messages = warning;\n"
        for migration in SQLFiles.migrations where plan.migrations.contains(migration.name) {
            script += String(decoding: migration.sql, as: UTF8.self)
            script += """

                insert into sluice.schema_version (version, name, digest)
                values (\(migration.version), '\(migration.name)', '\(Self.digest(migration.sql))');

                """
        }
        for function in SQLFiles.functions { script += String(decoding: function.sql, as: UTF8.self) + "\n" }
        script += """
            select sluice.ensure_partitions();
            insert into sluice.schema_version (version, name, digest, release)
            values (0, 'functions', '\(Self.functionsDigest)', '\(Release.current)')
            on conflict (version) do update
            set digest = excluded.digest, release = excluded.release, applied_at = now();
            commit;
            """
        return script
    }

    private func run(script: String) async throws(QueueError) {
        do {
            try await connection.execute(script: script)
        } catch {
            throw QueueError(error)
        }
    }

    private static let functionsDigest = digest(SQLFiles.functions.flatMap(\.sql))

    private static func digest(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(SHA256.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
