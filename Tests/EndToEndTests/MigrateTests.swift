import Logging
import Postgres
import Testing
import TestSupport

struct MigrateTests {
    private func execute(_ script: String) async throws {
        let connection = try await Connection.connect(
            try ConnectionConfiguration(try TestDatabase.current.url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await connection.execute(script: script)
        connection.close()
    }

    private func migrate(_ arguments: String..., url: String? = nil) async throws -> SluiceProgram.Ended {
        try await SluiceProgram.run(
            ["migrate"] + arguments, environment: ["SLUICE_DATABASE_URL": try url ?? TestDatabase.current.url])
    }

    @Test(.database) func `a dry run shows the plan and changes nothing`() async throws {
        let plan = try await migrate("--dry-run")
        #expect(plan.status == 0)
        #expect(plan.output.contains("0001_schema"))
        let status = try await SluiceProgram.run(["status"], in: .current)
        #expect(status.status == 78)
        #expect(status.errors.contains("sluice migrate"))
    }

    @Test(.database) func `a second time there is nothing to do`() async throws {
        let first = try await migrate("--json")
        #expect(first.status == 0 && first.output.contains(#""applied": true"#), "\(first)")
        let second = try await migrate("--json")
        #expect(second.status == 0 && second.output.contains(#""applied": false"#), "\(second)")
        #expect(try await migrate().output.contains("up to date"))
        let status = try await SluiceProgram.run(["status"], in: .current)
        #expect(status.status == 0)
        #expect(status.output.contains("sluice deploy"))
    }

    @Test(.database) func `several at a time do it once`() async throws {
        let database = try TestDatabase.current
        let applied = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let ended = try await SluiceProgram.run(["migrate", "--json"], in: database)
                    #expect(ended.status == 0, "\(ended.errors)")
                    return ended.output.contains(#""applied": true"#)
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(applied == 1)
    }

    @Test(.database) func `a newer database is refused by every command`() async throws {
        _ = try await migrate()
        try await execute("insert into sluice.schema_version (version, name, digest) values (9999, 'later', 'x')")
        for command in [["migrate"], ["migrate", "--dry-run"], ["status"], ["scale", "a", "1"]] {
            let ended = try await SluiceProgram.run(command, in: .current)
            #expect(ended.status == 78, "\(command)")
            #expect(ended.errors.contains("newer"), "\(ended.errors)")
        }
    }

    @Test(.database) func `a read-only database is told from a broken one`() async throws {
        let url = try TestDatabase.current.url + " options='-c default_transaction_read_only=on'"
        let ended = try await migrate(url: url)
        #expect(ended.status == 69)
        #expect(ended.errors.contains("read-only"))
    }

    @Test(.database) func `a pooler in transaction mode is refused`() async throws {
        let ended = try await migrate("--pooler", "transaction")
        #expect(ended.status == 78)
    }
}
