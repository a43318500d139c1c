/// Anything that runs statements: a connection of one's own, or a pool.
package protocol StatementRunner: Sendable {
    /// Runs one statement in a transaction of its own and returns its rows.
    func query(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> Rows
}

extension StatementRunner {
    /// Runs `statement` with `first` and `rest` as its parameters.
    ///
    /// See `query(_:_:)`.
    package func query<First: PostgresEncodable, each Rest: PostgresEncodable>(
        _ statement: Statement,
        _ first: First,
        _ rest: repeat each Rest
    ) async throws(PostgresError) -> Rows {
        var parameters = Parameters()
        parameters.append(first)
        repeat parameters.append(each rest)
        return try await query(statement, parameters)
    }
}

extension Connection: StatementRunner {}
extension Pool: StatementRunner {}
