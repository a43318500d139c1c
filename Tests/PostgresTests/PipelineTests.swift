import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct PipelineTests {
    private let divide = Statement("divide", "SELECT 100 / $1::int4")

    @Test(arguments: [1, 7, 1024]) func `an error in between is nobody else's`(window: Int) async throws {
        let connection = try await connect { $0.maximumPipelinedQueries = window }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in Int32(0)..<500 {
                group.addTask {
                    do {
                        let rows = try await connection.query(divide, number % 5)
                        #expect(try rows[0].decode(0, as: Int32.self) == 100 / (number % 5))
                        #expect(number % 5 != 0)
                    } catch let error as PostgresError {
                        #expect(number % 5 == 0)
                        #expect(error.sqlState == "22012")
                        #expect(error.queryName == "divide")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await connection.value("SELECT 1", as: Int.self) == 1)
    }

    @Test func `calls run in the order they are made`() async throws {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TABLE log (id serial, n int)")
        let insert = Statement("log", "INSERT INTO log (n) VALUES ($1)")
        try await withTaskExecutorPreference(EventLoop.shared.executor) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in Int32(0)..<200 { group.addTask { _ = try await connection.query(insert, number) } }
                try await group.waitForAll()
            }
        }
        let rows = try await connection.query(Statement("read", "SELECT n FROM log ORDER BY id"))
        #expect(try rows.map { try $0.decode(0, as: Int32.self) } == Array(0..<200))
    }

    @Test func `a neighbour's write stays although the next call fails`() async throws {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TABLE kept (n int)")
        async let good = connection.query(Statement("good", "INSERT INTO kept VALUES (1)"))
        async let bad = connection.query(Statement("bad", "INSERT INTO kept VALUES (1/0)"))
        let affected = try await good.affectedRows
        #expect(affected == 1)
        do {
            _ = try await bad
            Issue.record("dividing by zero worked")
        } catch {
            #expect((error as? PostgresError)?.sqlState == "22012")
        }
        #expect(try await connection.value("SELECT count(*) FROM kept", as: Int.self) == 1)
    }

    @Test func `a statement whose preparation fails can be used again`() async throws {
        let connection = try await connect()
        let statement = Statement("late", "SELECT count(*) FROM late")
        let error = await failure { try await connection.query(statement) }
        #expect(error?.sqlState == "42P01")
        try await connection.execute(script: "CREATE TABLE late ()")
        #expect(try await connection.query(statement)[0].decode(0, as: Int.self) == 0)
    }

    @Test func `a statement may be given other types later`() async throws {
        let connection = try await connect()
        let statement = Statement("echo", "SELECT ($1)::text")
        #expect(try await connection.query(statement, 5)[0].decode(0, as: String.self) == "5")
        #expect(try await connection.query(statement, Int16(6))[0].decode(0, as: String.self) == "6")
        #expect(try await connection.query(statement, "t")[0].decode(0, as: String.self) == "t")
        #expect(try await connection.query(statement, 7)[0].decode(0, as: String.self) == "7")
    }

    @Test func `prepared statements are bounded on the server`() async throws {
        let connection = try await connect { $0.maximumPreparedStatements = 5 }
        for round in 0..<3 {
            for number in 0..<20 {
                let statement = Statement("n\(number)", "SELECT \(number)")
                #expect(try await connection.query(statement)[0].decode(0, as: Int.self) == number, "round \(round)")
            }
        }
        #expect(try await connection.value("SELECT count(*) FROM pg_prepared_statements", as: Int.self) <= 5)
    }

    @Test func `more callers than may wait are refused`() async throws {
        let connection = try await connect {
            $0.maximumPipelinedQueries = 1
            $0.maximumWaitingQueries = 2
        }
        let other = try await connect()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await connection.query(Statement("sleep", "SELECT pg_sleep(30)")) }
            try await other.waitForActivity(connection.backendProcessID, "pg_sleep")
            let outcomes = await withTaskGroup(of: PostgresError.Code?.self) { inner in
                for _ in 0..<5 {
                    inner.addTask {
                        await failure { try await connection.query(Statement("one", "SELECT 1")) }?.code
                    }
                }
                var refused: [PostgresError.Code?] = []
                for await code in inner {
                    refused.append(code)
                    if refused.count == 3 { inner.cancelAll() }
                }
                return refused
            }
            #expect(outcomes.prefix(3) == [.tooManyPending, .tooManyPending, .tooManyPending])
            #expect(outcomes.dropFirst(3) == [.cancelled, .cancelled])
            group.cancelAll()
            await #expect(throws: PostgresError.self) { try await group.waitForAll() }
        }
    }

    @Test func `errors show the constraint, never a parameter`() async throws {
        let connection = try await connect()
        try await connection.execute(
            script: """
                CREATE TABLE secret (a text CONSTRAINT only_one PRIMARY KEY, b int CONSTRAINT small CHECK (b < 10));
                CREATE FUNCTION refuse() RETURNS void LANGUAGE plpgsql AS
                    $$ BEGIN RAISE 'the queue is closed' USING ERRCODE = 'SL001', DETAIL = 'hunter2'; END $$
                """
        )
        let insert = Statement("insert_secret", "INSERT INTO secret VALUES ($1, $2)")
        _ = try await connection.query(insert, "hunter2", 1)
        let twice = await failure { try await connection.query(insert, "hunter2", 1) }
        #expect(twice?.constraint == "only_one")
        #expect(twice?.sqlState == "23505")
        #expect(twice?.description.contains("insert_secret") == true)
        let check = await failure { try await connection.query(insert, "x", 4242) }
        #expect(check?.constraint == "small")
        let invalid = await failure {
            try await connection.query(Statement("cast", "SELECT $1::text::int"), "hunter2")
        }
        #expect(invalid?.sqlState == "22P02")
        let own = await failure { try await connection.query(Statement("own", "SELECT refuse()")) }
        #expect(own?.description.contains("the queue is closed") == true)
        for error in [twice, check, invalid, own] {
            let error = try #require(error)
            for text in ["\(error)", String(reflecting: error), "\(error as any Error)"] {
                #expect(!text.contains("hunter2") && !text.contains("4242"), "\(text)")
            }
        }
    }
}
