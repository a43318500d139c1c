import Logging
import Postgres
import Testing

enum Development {
    static let url = "postgresql://postgres@localhost:54399/postgres"
    static func connect(_ change: (inout ConnectionConfiguration) -> Void = { _ in }) async throws -> Connection {
        var configuration = try ConnectionConfiguration(url)
        change(&configuration)
        return try await Connection.connect(configuration, logger: Logger(label: "test"))
    }
}

@Suite(.timeLimit(.minutes(1))) struct SmokeTests {
    @Test func aQueryAnswers() async throws {
        let connection = try await Development.connect()
        let rows = try await connection.query(Statement("one", "select $1 + 1, $2"), 41, "text")
        #expect(try rows[0].decode((Int, String).self) == (42, "text"))
        try await connection.transaction { c in
            _ = try await c.query(Statement("t", "create temp table t(a int8, b text)"))
        }
        let n = try await connection.copyIn("copy t from stdin") { w in
            for i in 0..<1000 { try await w.write(Array("\(i)\tx\n".utf8)) }
        }
        #expect(n == 1000)
        var size = 0
        try await connection.copyOut("copy t to stdout") { size += $0.count }
        #expect(size == 890 + 2000 + 2000 + 1000)
        try await connection.execute(script: "select 1; select 2")
        try await connection.listen("hello")
        _ = try await connection.query(Statement("n", "select pg_notify('hello', 'you')"))
        var iterator = connection.notifications.makeAsyncIterator()
        #expect(await iterator.next()?.payload == "you")
        await #expect(throws: PostgresError.self) { try await connection.query(Statement("bad", "select 1/0")) }
        connection.close()
        #expect(await connection.waitUntilClosed() == nil)
    }
}
