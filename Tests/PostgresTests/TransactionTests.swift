import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct TransactionTests {
    private struct Refusal: Error {}
    private let insert = Statement("insert", "INSERT INTO t VALUES ($1)")

    private func table() async throws -> Connection {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TEMP TABLE t (n int8 PRIMARY KEY)")
        return connection
    }

    private func numbers(_ connection: Connection) async throws -> [Int] {
        try await connection.query(Statement("all", "SELECT n FROM t ORDER BY n")).map { try $0.decode(0) }
    }

    @Test func `what returns is committed, what throws is not`() async throws {
        let connection = try await table()
        let result = try await connection.transaction { inner in
            _ = try await inner.query(insert, 1)
            return "done"
        }
        #expect(result == "done")
        await #expect(throws: Refusal.self) {
            try await connection.transaction { inner in
                _ = try await inner.query(insert, 2)
                throw Refusal()
            }
        }
        #expect(try await numbers(connection) == [1])
    }

    @Test func `others wait until it ends`() async throws {
        let connection = try await table()
        try await withThrowingTaskGroup(of: Int.self) { group in
            try await connection.transaction { inner in
                _ = try await inner.query(insert, 1)
                for _ in 0..<20 {
                    group.addTask { try await connection.value("SELECT count(*) FROM t", as: Int.self) }
                }
                for number in 2...10 { _ = try await inner.query(insert, number) }
            }
            // They came while the first row was there alone; they see all ten.
            for try await count in group { #expect(count == 10) }
        }
    }

    @Test func `a cancelled transaction is rolled back`() async throws {
        let connection = try await table()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await failure {
                    try await connection.transaction { inner in
                        _ = try await inner.query(self.insert, 1)
                        withUnsafeCurrentTask { $0?.cancel() }
                        _ = try await inner.query(insert, 2)
                    }
                }
                #expect(error?.code == .cancelled)
            }
        }
        #expect(try await numbers(connection) == [])
    }

    @Test func `a swallowed error cannot be committed`() async throws {
        let connection = try await table()
        let error = await failure {
            try await connection.transaction { inner in
                _ = try await inner.query(insert, 1)
                #expect(await failure { try await inner.query(insert, 1) }?.sqlState == "23505")
            }
        }
        #expect(error?.sqlState == "25P02")
        #expect(try await numbers(connection) == [])
    }

    @Test func `an inner one is a savepoint`() async throws {
        let connection = try await table()
        try await connection.transaction(isolation: .serializable) { outer in
            #expect(try await outer.value("SHOW transaction_isolation", as: String.self) == "serializable")
            _ = try await outer.query(insert, 1)
            let clash = await failure {
                try await outer.transaction { inner in
                    _ = try await inner.query(insert, 2)
                    _ = try await inner.query(insert, 1)
                }
            }
            #expect(clash?.sqlState == "23505")
            try await outer.transaction { inner in _ = try await inner.query(insert, 3) }
        }
        #expect(try await numbers(connection) == [1, 3])
    }

    @Test func `its connection is of no use afterwards`() async throws {
        let connection = try await table()
        let kept = try await connection.transaction { inner in inner }
        let error = await failure { try await kept.query(insert, 1) }
        #expect(error?.code == .notSupported)
    }

    @Test func `a script that leaves a transaction open is undone`() async throws {
        let connection = try await table()
        for script in ["BEGIN; INSERT INTO t VALUES (1)", "BEGIN; SELECT 1/0"] {
            await #expect(throws: PostgresError.self) { try await connection.execute(script: script) }
            #expect(try await numbers(connection) == [])
        }
        await #expect(throws: PostgresError.self) { try await connection.execute(script: "COPY t FROM STDIN") }
        await #expect(throws: PostgresError.self) {
            try await connection.execute(script: "INSERT INTO t VALUES (5); SELECT 1/0")
        }
        try await connection.transaction { inner in
            try await inner.execute(script: "INSERT INTO t VALUES (7); SELECT 1")
        }
        #expect(try await numbers(connection) == [7])
    }
}
