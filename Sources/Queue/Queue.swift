package import Postgres

/// Typed calls over the SQL functions of the queue.
///
/// A value without state: the database is the only state there is. Every call is one statement in one transaction.
package struct Queue: Sendable {
    let runner: any StatementRunner

    /// The queue in the database that `runner` talks to.
    package init(_ runner: any StatementRunner) { self.runner = runner }

    /// Runs `statement`, with the parameters that `bind` appends.
    func call(
        _ statement: Statement, _ bind: (inout Parameters) -> Void = { _ in }
    ) async throws(QueueError) -> Rows {
        var parameters = Parameters()
        bind(&parameters)
        do {
            return try await runner.query(statement, parameters)
        } catch {
            throw QueueError(error)
        }
    }

    /// Decodes, so that a row that does not have the shape we expect is an error of the queue like any other.
    func decoding<T>(_ body: () throws(PostgresError) -> T) throws(QueueError) -> T {
        do {
            return try body()
        } catch {
            throw QueueError(error)
        }
    }

    /// Decodes the first row, which the statement always returns.
    func first<T>(of rows: Rows, _ body: (Row) throws(PostgresError) -> T) throws(QueueError) -> T {
        guard let row = rows.first else {
            throw QueueError(.database, "The database returned no row where one was due.")
        }
        return try decoding { () throws(PostgresError) in try body(row) }
    }
}
