import Logging
import TestSupport
import Testing

@testable import Postgres

/// A connection to the database of the running suite.
func connect(_ change: (inout ConnectionConfiguration) -> Void = { _ in }) async throws -> Connection {
    try await connect(to: TestDatabase.current.url, change)
}

func connect(
    to conninfo: String,
    _ change: (inout ConnectionConfiguration) -> Void = { _ in }
) async throws -> Connection {
    var configuration = try ConnectionConfiguration(conninfo)
    change(&configuration)
    return try await Connection.connect(configuration, logger: .quiet)
}

extension Logger {
    /// What the library logs is not what these tests are about.
    static let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
}

extension Connection {
    func value<T: PostgresDecodable>(_ sql: String, as type: T.Type = T.self) async throws -> T {
        let rows = try await query(Statement("value", sql))
        return try rows[0].decode(0)
    }

    /// Waits until the server process `id` is running something with `text` in it.
    func waitForActivity(_ id: Int32, _ text: String) async throws {
        let statement = Statement(
            "activity",
            "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND position($2 IN query) > 0"
        )
        try await eventually("process \(id) runs \(text)") {
            try await query(statement, id, text)[0].decode(0, as: Int.self) == 1
        }
    }
}

/// What `body` throws, when that is an error of this library; anything else it throws is a failure of the test.
func failure<T>(_ body: () async throws -> T) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch let error as PostgresError {
        return error
    } catch {
        Issue.record(error)
        return nil
    }
}
