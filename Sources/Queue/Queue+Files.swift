package import Postgres

/// A file of a tenant that is complete.
package struct StoredFile: Sendable {
    package var id: Int64
    package var filename: String
    package var purpose: String
    package var bytes: Int64
    /// How many pieces it is stored in.
    package var pieces: Int32
    package var createdAt: Timestamp
    /// From when on nobody sees it; nil: it stays.
    package var expiresAt: Timestamp?
}

extension StoredFile {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            id: try row.decode(0), filename: try row.decode(1), purpose: try row.decode(2), bytes: try row.decode(3),
            pieces: try row.decode(4), createdAt: try row.decode(5), expiresAt: try row.decode(6))
    }
}

extension Queue {
    private static let beginStatement = Statement("file_begin", "select sluice.file_begin($1::text)")
    private static let appendStatement = Statement(
        "file_append", "select sluice.file_append($1::bigint, $2::int, $3::bytea)")
    private static let completeStatement = Statement(
        "file_complete",
        "select * from sluice.file_complete($1::bigint, $2::text, $3::text, $4::bigint, $5::int, $6::int)")
    private static let getStatement = Statement("file_get", "select * from sluice.file_get($1::text, $2::bigint)")
    private static let listStatement = Statement(
        "list_files", "select * from sluice.list_files($1::text, $2::text, $3::bigint, $4::boolean, $5::int)")
    private static let readStatement = Statement("file_read", "select sluice.file_read($1::bigint, $2::int)")
    private static let deleteStatement = Statement("file_delete", "select sluice.file_delete($1::text, $2::bigint)")
    private static let sweepStatement = Statement("sweep_files", "select sluice.sweep_files()")

    /// Opens a file that nobody sees until `completeFile`, and returns its id.
    ///
    /// - Throws: `unknownTenant`; `invalidArgument` when the tenant's files are as large as they may be.
    package func beginFile(of tenant: String) async throws(QueueError) -> Int64 {
        let rows = try await call(Self.beginStatement) { $0.append(tenant) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Stores a piece of a file, of 1 to 1,048,576 bytes; the first has the ordinal 0. It is durable with `completeFile`.
    ///
    /// - Throws: `notFound` when the upload was given up: it took longer than `upload_seconds`.
    package func append(_ piece: [UInt8], ordinal: Int32, to file: Int64) async throws(QueueError) {
        _ = try await call(Self.appendStatement) {
            $0.append(file)
            $0.append(ordinal)
            $0.append(piece)
        }
    }

    /// Lets a file be seen. It is durable when this returns.
    ///
    /// - Parameters:
    ///   - bytes: how many were sent, in `pieces` pieces.
    ///   - seconds: for how long it is kept; nil: until it is deleted.
    /// - Throws: `invalidArgument` when something else is stored than was sent; `notFound` when the upload was given up.
    package func completeFile(
        _ file: Int64, filename: String, purpose: String, bytes: Int64, pieces: Int32, keptFor seconds: Int32?
    ) async throws(QueueError) -> StoredFile {
        let rows = try await call(Self.completeStatement) {
            $0.append(file)
            $0.append(filename)
            $0.append(purpose)
            $0.append(bytes)
            $0.append(pieces)
            $0.append(seconds)
        }
        return try first(of: rows) { row throws(PostgresError) in try StoredFile(row) }
    }

    /// A file of `tenant`; nil: it has none of this id, or not any more.
    package func file(_ id: Int64, of tenant: String) async throws(QueueError) -> StoredFile? {
        let rows = try await call(Self.getStatement) {
            $0.append(tenant)
            $0.append(id)
        }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return try StoredFile(row)
        }
    }

    /// Files of `tenant` after the id `after`, the newest first unless `ascending`; 10,001 at most.
    package func files(
        of tenant: String, purpose: String?, after: Int64?, ascending: Bool, limit: Int32
    ) async throws(QueueError) -> [StoredFile] {
        let rows = try await call(Self.listStatement) {
            $0.append(tenant)
            $0.append(purpose)
            $0.append(after)
            $0.append(ascending)
            $0.append(limit)
        }
        return try decoding { () throws(PostgresError) in
            var found: [StoredFile] = []
            for row in rows { found.append(try StoredFile(row)) }
            return found
        }
    }

    /// A piece of a file; nil: there is none of this ordinal, or not any more.
    package func piece(_ ordinal: Int32, of file: Int64) async throws(QueueError) -> [UInt8]? {
        let rows = try await call(Self.readStatement) {
            $0.append(file)
            $0.append(ordinal)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Lets a file be seen no more, or gives its upload up. Returns whether there was one.
    package func deleteFile(_ id: Int64, of tenant: String) async throws(QueueError) -> Bool {
        let rows = try await call(Self.deleteStatement) {
            $0.append(tenant)
            $0.append(id)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Removes some of what is left of files nobody sees any more, and returns what it did, empty if there is nothing left.
    package func sweepFiles() async throws(QueueError) -> String {
        try first(of: try await call(Self.sweepStatement)) { row throws(PostgresError) in try row.decode(0) }
    }
}
