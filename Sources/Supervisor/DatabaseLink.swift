import Postgres
import Queue
import Synchronization

/// The connection there is at the moment, if there is one. Calls while there is none fail as `connectionLost`.
final class DatabaseLink: StatementRunner {
    private let connection = Mutex<Connection?>(nil)

    func query(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> Rows {
        guard let connection = connection.withLock({ $0 }) else {
            throw PostgresError(.connectionLost, "the database is away")
        }
        return try await connection.query(statement, parameters)
    }

    /// Calls go to `new` from now on, or nowhere.
    func set(_ new: Connection?) { connection.withLock { $0 = new } }
}
