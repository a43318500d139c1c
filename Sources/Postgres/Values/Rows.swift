/// The rows a statement returned.
///
/// Values stay where libpq received them until they are decoded.
package struct Rows: Sendable, RandomAccessCollection {
    /// A column of the result.
    package struct Column: Sendable, Hashable {
        /// What the statement calls it.
        package let name: String
        /// Its type.
        package let type: PostgresType
    }

    let result: QueryResult

    init(_ result: QueryResult) { self.result = result }

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }

    package subscript(position: Int) -> Row {
        precondition(position >= 0 && position < result.rowCount, "no such row")
        return Row(result, position)
    }

    /// How many rows the statement inserted, updated, deleted, moved or returned.
    package var affectedRows: Int { result.affectedRows }
    /// The columns, in order.
    package var columns: [Column] { result.columns }
}

/// One row of a result.
package struct Row: Sendable {
    let result: QueryResult
    let index: Int

    init(_ result: QueryResult, _ index: Int) {
        self.result = result
        self.index = index
    }

    /// How many columns there are.
    package var count: Int { result.columnCount }

    /// The value of a column.
    ///
    /// Fails with `.decoding` when there is no such column, when its type is not one `T` is read from, and for NULL
    /// unless `T` is optional.
    package func decode<T: PostgresDecodable>(_ column: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
        do throws(PostgresDecodingFailure) {
            return try result.withField(index, column) { (bytes, type) throws(PostgresDecodingFailure) -> T in
                guard let bytes else { return try T.decodeNull() }
                return try T.decode(bytes, type: type)
            }
        } catch {
            throw result.error(error, column: column, wanted: "\(T.self)")
        }
    }

    /// The values of the first columns, in order: `let (id, name) = try row.decode((Int64, String).self)`.
    package func decode<each T: PostgresDecodable>(_ type: (repeat each T).Type) throws(PostgresError) -> (
        repeat each T
    ) {
        var column = -1
        func next<V: PostgresDecodable>(_ type: V.Type) throws(PostgresError) -> V {
            column += 1
            return try decode(column, as: V.self)
        }
        return (repeat try next((each T).self))
    }

    /// Calls `body` with the bytes of a column as the server sent them, nil for NULL or a column that is not there.
    ///
    /// They are valid only inside.
    package func withBytes<R, E: Error>(_ column: Int, _ body: (borrowing RawSpan?) throws(E) -> R) throws(E) -> R {
        try result.withField(index, column) { (bytes, _) throws(E) in try body(bytes) }
    }

    /// Whether a column is NULL, or not there.
    package func isNull(_ column: Int) -> Bool { result.withField(index, column) { bytes, _ in bytes == nil } }
}
