import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct CancellationTests {
    private let sleep = Statement("sleep", "SELECT pg_sleep(60)")

    @Test func `a cancelled call stops on the server, and its neighbours do not notice`() async throws {
        let (connection, other) = (try await connect(), try await connect())
        try await withThrowingTaskGroup(of: Int.self) { neighbours in
            let error = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask {
                    await failure { try await connection.query(sleep) }
                }
                do {
                    try await other.waitForActivity(connection.backendProcessID, "pg_sleep")
                } catch { Issue.record(error) }
                for number in 0..<100 {
                    neighbours.addTask {
                        try await connection.query(Statement("after", "SELECT $1::int8"), number)[0].decode(0)
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            #expect(error?.queryName == "sleep")
            var sum = 0
            for try await number in neighbours { sum += number }
            #expect(sum == 4950)
        }
        let running = Statement("running", "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'")
        #expect(try await other.query(running, connection.backendProcessID)[0].decode(0, as: Int.self) == 0)
    }

    @Test func `cancelling some of many leaves the others their answers`() async throws {
        let connection = try await connect()
        let statement = Statement("work", "SELECT $1::int8 FROM pg_sleep(0.001)")
        for round in 0..<5 {
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        do {
                            return try await withThrowingTaskGroup(of: Int.self) { inner in
                                inner.addTask { try await connection.query(statement, number)[0].decode(0) }
                                if number % 3 == round % 3 { inner.cancelAll() }
                                return try await inner.next()
                            }
                        } catch let error as PostgresError where error.code == .cancelled && number % 3 == round % 3 {
                            return nil
                        }
                    }
                }
                var answers = 0
                for try await answer in group where answer != nil { answers += 1 }
                #expect(answers >= 40)
            }
        }
        #expect(try await connection.value("SELECT 1", as: Int.self) == 1)
    }

    @Test func `a call cancelled before it is made is not made`() async throws {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TABLE untouched (n int)")
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask {
                let error = await failure {
                    try await connection.query(Statement("insert", "INSERT INTO untouched VALUES (1)"))
                }
                #expect(error?.code == .cancelled)
            }
        }
        #expect(try await connection.value("SELECT count(*) FROM untouched", as: Int.self) == 0)
    }

    @Test func `a statement over its limit times out`() async throws {
        let connection = try await connect { $0.statementTimeout = .milliseconds(100) }
        let error = await failure { try await connection.query(sleep) }
        #expect(error?.code == .timedOut)
        #expect(error?.sqlState == "57014")
        #expect(try await unhurried(connection, "SELECT 1") == 1)
    }

    @Test func `this side keeps the limit where the server cannot`() async throws {
        let connection = try await connect {
            $0.statementTimeout = .milliseconds(100)
            $0.pooler = .transaction
        }
        let error = await failure { try await connection.query(sleep) }
        #expect(error?.code == .timedOut)
        #expect(try await unhurried(connection, "SELECT 1") == 1)
        #expect(try await unhurried(connection, "SELECT count(*) FROM pg_prepared_statements") == 0)
    }

    /// The value of `sql` on a connection whose time limit a busy machine may exceed: asked until it does not.
    private func unhurried(_ connection: Connection, _ sql: String) async throws -> Int {
        try await eventually("\(sql) is answered in time") { () async throws -> Int? in
            do {
                return try await connection.value(sql, as: Int.self)
            } catch let error as PostgresError where error.code == .timedOut { return nil }
        }
    }

    @Test func `waiting for a lock is limited`() async throws {
        let holder = try await connect()
        let waiter = try await connect { $0.lockTimeout = .milliseconds(50) }
        try await holder.execute(script: "CREATE TABLE locked ()")
        try await holder.transaction { holder in
            try await holder.execute(script: "LOCK TABLE locked")
            let error = await failure {
                try await waiter.query(Statement("read", "SELECT FROM locked"))
            }
            #expect(error?.sqlState == "55P03")
            #expect(error?.isRetryable == true)
        }
    }

    @Test func `a cancelled script and a cancelled connect end`() async throws {
        let (connection, other) = (try await connect(), try await connect())
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await failure {
                    try await connection.execute(script: "SELECT 1; SELECT pg_sleep(60)")
                }
                #expect(error?.code == .cancelled)
            }
            do {
                try await other.waitForActivity(connection.backendProcessID, "pg_sleep")
            } catch { Issue.record(error) }
            group.cancelAll()
        }
        #expect(try await connection.value("SELECT 1", as: Int.self) == 1)
    }
}
