internal import CPostgres

/// Owns a result of libpq.
///
/// Nothing changes it, so that any thread may read it.
@safe
final class QueryResult: @unchecked Sendable {
    private let pointer: OpaquePointer
    private let statement: Statement?
    let rowCount: Int
    let columnCount: Int

    init(_ pointer: OpaquePointer, _ statement: Statement?) {
        unsafe self.pointer = pointer
        self.statement = statement
        rowCount = unsafe Int(PQntuples(pointer))
        columnCount = unsafe Int(PQnfields(pointer))
    }

    deinit { unsafe PQclear(pointer) }

    func withField<R, E: Error>(
        _ row: Int,
        _ column: Int,
        _ body: (RawSpan?, PostgresType) throws(E) -> R
    ) throws(E) -> R {
        let (bytes, type) = unsafe field(row, column)
        guard let bytes = unsafe bytes else { return try body(nil, type) }
        return try unsafe body(bytes.bytes, type)
    }

    func field(_ row: Int, _ column: Int) -> (UnsafeRawBufferPointer?, PostgresType) {
        // libpq would print a warning and answer NULL.
        guard row >= 0, row < rowCount, column >= 0, column < columnCount else { return (nil, .inferred) }
        var start: UnsafePointer<CChar>?
        let length = unsafe cpostgres_field(pointer, Int32(row), Int32(column), &start)
        let type = unsafe PostgresType(rawValue: PQftype(pointer, Int32(column)))
        guard length >= 0 else { return (nil, type) }
        return unsafe (UnsafeRawBufferPointer(start: start, count: Int(length)), type)
    }

    var columns: [Rows.Column] {
        (0..<Int32(columnCount)).map { column in
            unsafe Rows.Column(
                name: PQfname(pointer, column).map { unsafe String(cString: $0) } ?? "",
                type: PostgresType(rawValue: PQftype(pointer, column))
            )
        }
    }

    var affectedRows: Int {
        guard let text = unsafe PQcmdTuples(pointer) else { return 0 }
        return unsafe Int(String(cString: text)) ?? 0
    }

    /// What the server calls the command that was done, `COMMIT` for instance.
    var commandTag: String {
        guard let text = unsafe PQcmdStatus(pointer) else { return "" }
        return unsafe String(cString: text)
    }

    func error(_ failure: PostgresDecodingFailure, column: Int, wanted: String) -> PostgresError {
        let message: String
        if column < 0 || column >= columnCount {
            message = "there is no column \(column)"
        } else {
            let known = columns[column]
            switch failure {
            case .unexpectedNull: message = "column \(column) (\(known.name)) is NULL, which a \(wanted) cannot be"
            case .wrongType:
                message = "column \(column) (\(known.name)) is \(known.type), which is not read as \(wanted)"
            case .malformed: message = "column \(column) (\(known.name)) holds no valid \(wanted)"
            }
        }
        return PostgresError(.decoding, message, queryName: statement?.name, column: column)
    }
}
