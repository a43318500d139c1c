import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct CopyTests {
    private struct Refusal: Error {}

    private func table() async throws -> Connection {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TEMP TABLE t (n int8, body text)")
        return connection
    }

    private func count(_ connection: Connection) async throws -> Int {
        try await connection.value("SELECT count(*) FROM t")
    }

    /// The most memory the process has used, in bytes.
    private func peakMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    @Test func `100 MB go in and come out in bounded memory`() async throws {
        let connection = try await table()
        let line = Array(("1\t" + String(repeating: "x", count: 997) + "\n").utf8)
        let before = peakMemory()
        let rows = try await connection.copyIn("COPY t FROM STDIN") { writer in
            for _ in 0..<100_000 { try await writer.write(line) }
        }
        #expect(rows == 100_000)
        var bytes = 0
        var largest = 0
        try await connection.copyOut("COPY t TO STDOUT") { chunk in
            bytes += chunk.count
            largest = max(largest, chunk.count)
        }
        #expect(bytes == 100_000_000)
        #expect(largest < 200_000)
        #expect(peakMemory() - before < 90_000_000)
    }

    @Test func `one large write is cut into pieces`() async throws {
        let connection = try await table()
        let lines = (0..<200_000).map { "\($0)\tbody\n" }.joined()
        #expect(try await connection.copyIn("COPY t FROM STDIN") { try await $0.write(Array(lines.utf8)) } == 200_000)
        #expect(try await connection.value("SELECT sum(n)::int8 FROM t", as: Int.self) == 199_999 * 100_000)
    }

    @Test func `a body that throws leaves nothing`() async throws {
        let connection = try await table()
        await #expect(throws: Refusal.self) {
            try await connection.copyIn("COPY t FROM STDIN") { writer in
                for _ in 0..<50_000 { try await writer.write(Array("1\ta\n".utf8)) }
                throw Refusal()
            }
        }
        #expect(try await count(connection) == 0)
    }

    @Test func `bad data is the server's error`() async throws {
        let connection = try await table()
        let error = await failure {
            try await connection.copyIn("COPY t FROM STDIN") { writer in
                for _ in 0..<50_000 { try await writer.write(Array("hunter2\ta\n".utf8)) }
            }
        }
        #expect(error?.sqlState == "22P02")
        #expect(error?.description.contains("hunter2") == false)
        #expect(try await count(connection) == 0)
    }

    @Test func `a COPY that cannot begin fails, the connection goes on`() async throws {
        let connection = try await table()
        #expect(await failure { try await connection.copyIn("COPY nowhere FROM STDIN") { _ in } }?.sqlState == "42P01")
        #expect(await failure { try await connection.copyOut("COPY nowhere TO STDOUT") { _ in } }?.sqlState == "42P01")
        #expect(try await count(connection) == 0)
    }

    @Test func `a cancelled COPY leaves nothing`() async throws {
        let connection = try await table()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await failure {
                    try await connection.copyIn("COPY t FROM STDIN") { writer in
                        for number in 0..<1_000_000 {
                            if number == 50_000 { withUnsafeCurrentTask { $0?.cancel() } }
                            try await writer.write(Array("1\ta\n".utf8))
                        }
                    }
                }
                #expect(error?.code == .cancelled)
            }
        }
        #expect(try await count(connection) == 0)
    }

    @Test func `a reader may stop early`() async throws {
        let connection = try await table()
        await #expect(throws: Refusal.self) {
            try await connection.copyOut("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000000)) TO STDOUT")
            { _ in
                throw Refusal()
            }
        }
        #expect(try await count(connection) == 0)
    }

    @Test func `an error in the middle of the data is thrown`() async throws {
        let connection = try await table()
        let error = await failure {
            try await connection.copyOut("COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n) TO STDOUT") {
                _ in
            }
        }
        #expect(error?.sqlState == "22012")
        #expect(try await count(connection) == 0)
    }

    @Test func `inside a transaction it is part of it, and others wait`() async throws {
        let connection = try await table()
        await #expect(throws: Refusal.self) {
            try await connection.transaction { inner in
                let rows = try await inner.copyIn("COPY t FROM STDIN") { try await $0.write(Array("1\ta\n".utf8)) }
                #expect(rows == 1)
                throw Refusal()
            }
        }
        #expect(try await count(connection) == 0)
    }

    @Test func `COPY as a query ends the connection, with a reason`() async throws {
        let connection = try await table()
        let error = await failure { try await connection.query(Statement("copy", "COPY t TO STDOUT")) }
        #expect(error?.description.contains("copyOut") == true)
        #expect(!connection.isOpen)
    }
}
