import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct PoolTests {
    private func withPool<T>(
        connections: Int = 3,
        waiters: Int = 100,
        wait: Duration = .seconds(300),
        check: Duration = .seconds(15),
        to conninfo: String? = nil,
        prepare: @escaping @Sendable (Connection) async throws -> Void = { _ in },
        _ body: (Pool) async throws -> T
    ) async throws -> T {
        let pool = Pool(
            try ConnectionConfiguration(conninfo ?? TestDatabase.current.url),
            maximumConnections: connections,
            maximumWaiters: waiters,
            waitTimeout: wait,
            checkInterval: check,
            prepare: prepare,
            logger: .quiet
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            let result = try await body(pool)
            group.cancelAll()
            try await group.waitForAll()
            #expect(await failure { try await pool.query(Statement("one", "SELECT 1")) }?.code == .poolClosed)
            #expect(pool.usage.connections == 0)
            return result
        }
    }

    @Test func `many callers share few connections`() async throws {
        try await withPool(waiters: 1000) { pool in
            try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<300 {
                    group.addTask { try await pool.query(Statement("pid", "SELECT pg_backend_pid()"))[0].decode(0) }
                    group.addTask {
                        try await pool.withConnection { try await $0.value("SELECT pg_backend_pid()", as: Int32.self) }
                    }
                }
                var processes: Set<Int32> = []
                for try await process in group { processes.insert(process) }
                #expect((1...3).contains(processes.count))
            }
        }
    }

    @Test func `one too many is refused`() async throws {
        try await withPool(connections: 1, waiters: 1) { pool in
            try await pool.withConnection { _ in
                await withTaskGroup(of: PostgresError.Code?.self) { group in
                    for _ in 0..<2 { group.addTask { await failure { try await pool.withConnection { _ in } }?.code } }
                    #expect(await group.next() == .poolExhausted)
                    group.cancelAll()
                    #expect(await group.next() == .cancelled)
                }
            }
            #expect(try await pool.query(Statement("one", "SELECT 1"))[0].decode(0, as: Int.self) == 1)
        }
    }

    @Test func `one too patient times out`() async throws {
        try await withPool(connections: 1, wait: .milliseconds(300)) { pool in
            // The first one may wait longer for its connection to be made.
            try await eventually("a connection is made") {
                do {
                    try await pool.withConnection { _ in
                        #expect(await failure { try await pool.withConnection { _ in } }?.code == .timedOut)
                    }
                    return true
                } catch let error as PostgresError where error.code == .timedOut { return false }
            }
        }
    }

    @Test func `a cancelled caller stops waiting`() async throws {
        try await withPool(connections: 1) { pool in
            try await pool.withConnection { _ in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        #expect(await failure { try await pool.withConnection { _ in } }?.code == .cancelled)
                    }
                    group.cancelAll()
                }
                #expect(pool.usage.waiting == 0)
            }
        }
    }

    @Test func `lost connections are replaced, and prepared first`() async throws {
        let prepare: @Sendable (Connection) async throws -> Void = {
            try await $0.execute(script: "SET application_name = 'prepared'")
        }
        try await withPool(connections: 1, prepare: prepare) { pool in
            let other = try await connect()
            let first = try await pool.withConnection { connection in
                let name = try await connection.value("SHOW application_name", as: String.self)
                #expect(name == "prepared")
                return connection.backendProcessID
            }
            _ = try await other.query(Statement("kill", "SELECT pg_terminate_backend($1)"), first)
            try await eventually("another connection answers") {
                do {
                    return try await pool.withConnection { connection in
                        let name = try await connection.value("SHOW application_name", as: String.self)
                        #expect(name == "prepared")
                        return connection.backendProcessID != first
                    }
                } catch let error as PostgresError where error.isRetryable {
                    // The old one is lost, or says so (57P01) in the answer to this very call.
                    return false
                }
            }
        }
    }

    @Test func `idle connections are tried out`() async throws {
        try await withPool(connections: 1, check: .milliseconds(10)) { pool in
            let process = try await pool.withConnection { $0.backendProcessID }
            let other = try await connect()
            let statement = Statement("checked", "SELECT query FROM pg_stat_activity WHERE pid = $1")
            try await eventually("the pool asks the server whether it is there") {
                try await other.query(statement, process)[0].decode(0, as: String.self) == "SELECT 1"
            }
        }
    }

    @Test func `why no connection can be made is what callers learn`() async throws {
        let url = try TestDatabase.current.url
        try await withPool(to: url + " dbname=nowhere") { pool in
            #expect(await failure { try await pool.query(Statement("one", "SELECT 1")) }?.sqlState == "3D000")
        }
        try await withPool(wait: .milliseconds(200), to: "host=127.0.0.1 port=1 user=a dbname=b") { pool in
            try await eventually("the refusal is what the caller learns") {
                await failure { try await pool.query(Statement("one", "SELECT 1")) }?.code == .connectionFailed
            }
        }
    }

    @Test func `without run, callers wait, then give up`() async throws {
        let pool = Pool(
            try ConnectionConfiguration(TestDatabase.current.url),
            maximumConnections: 1,
            waitTimeout: .milliseconds(50),
            logger: .quiet
        )
        #expect(await failure { try await pool.query(Statement("one", "SELECT 1")) }?.code == .timedOut)
    }

    @Test func `a transaction has a connection of its own`() async throws {
        try await withPool { pool in
            try await pool.query(Statement("make", "CREATE TABLE counted (n int)")).affectedRows == 0 ? () : ()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await pool.transaction { connection in
                            _ = try await connection.query(Statement("insert", "INSERT INTO counted VALUES (1)"))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(
                try await pool.query(Statement("count", "SELECT count(*) FROM counted"))[0].decode(0, as: Int.self)
                    == 20)
        }
    }
}
