package import Domain
package import Postgres

/// A batch with all that its owner may know.
package struct BatchRecord: Sendable {
    package var progress: BatchProgress
    /// Where its lines are; nil: whoever submitted it loads it.
    package var inputFile: Int64?
    package var outputFile: Int64?
    package var errorFile: Int64?
    /// The window as its owner wrote it.
    package var window: String?
    package var validatedAt: Timestamp?
    /// When its window ends.
    package var expiresAt: Timestamp?
    package var finalizingAt: Timestamp?
    package var cancelRequestedAt: Timestamp?
    /// When its window ended before it did.
    package var expiredAt: Timestamp?
    /// Tokens of all its answers, known once it has ended.
    package var inputTokens: Int64?
    package var outputTokens: Int64?
    /// Why it failed: a JSON array of `{code, line, message, param}`.
    package var errors: [UInt8]?
    /// What its owner wants to find again: a JSON object.
    package var metadata: [UInt8]?
    /// Lines that were never queued because it was cancelled or its window ended, known once it has ended; they are not in
    /// `progress`.
    package var unloaded: Int32
}

/// A batch of the lines of a file, to be made.
package struct BatchOrderRequest: Sendable {
    package var tenant: String
    package var inputFile: Int64
    package var kind: JobKind
    /// How long it may take, as its owner wrote it and in seconds.
    package var window: String
    package var windowSeconds: Int32
    /// A JSON object.
    package var metadata: [UInt8]?
    /// How many seconds its files are kept.
    package var outputKeptFor: Int32
    /// The key it is ordered with, whose limits its lines keep to.
    package var key: Int32?
    /// The same for every repetition of this order, of which one makes a batch, within a day.
    package var idempotencyKey: String?

    package init(
        tenant: String, inputFile: Int64, kind: JobKind, window: String, windowSeconds: Int32,
        metadata: [UInt8]? = nil, outputKeptFor: Int32 = 2_592_000
    ) {
        (self.tenant, self.inputFile, self.kind, self.window) = (tenant, inputFile, kind, window)
        (self.windowSeconds, self.metadata, self.outputKeptFor) = (windowSeconds, metadata, outputKeptFor)
    }
}

/// What is to be done for a batch of a file, and under which lease.
package struct BatchWork: Sendable {
    package var batch: Int32
    /// The number of the lease: what it is given to fails once somebody else has the batch.
    package var lease: Int64
    package var tenant: String
    package var kind: JobKind
    package var state: BatchProgress.State
    /// How many lines are loaded.
    package var loaded: Int32
    package var name: String
    package var inputFile: Int64
    /// In how many pieces the file is stored.
    package var inputPieces: Int32
    /// Whether all its jobs have ended, so that its files are to be written; else the input is to be read and loaded.
    package var isFinalizing: Bool
    /// The key it was ordered with.
    package var key: Int32?
    /// Whether it ends before all its lines were loaded.
    package var isCut: Bool
    /// Whether somebody cancelled it.
    package var isCancelled: Bool
}

/// A file that was stored but not completed.
package struct UnseenFile: Sendable {
    package var file: Int64
    package var bytes: Int64
    package var pieces: Int32

    package init(file: Int64, bytes: Int64, pieces: Int32) {
        (self.file, self.bytes, self.pieces) = (file, bytes, pieces)
    }
}

extension Queue {
    private static let orderStatement = Statement(
        "batch_order",
        """
        select sluice.batch_order($1::text, $2::bigint, $3::text::sluice.job_kind, $4::text, $5::int, $6::json, $7::int,
            $8::int, $9::text)
        """)
    private static let claimStatement = Statement("claim_batch_work", "select * from sluice.claim_batch_work($1::int)")
    private static let putBackStatement = Statement(
        "put_back_batch_work", "select sluice.put_back_batch_work($1::int, $2::bigint)")
    private static let renewStatement = Statement(
        "renew_batch_work", "select sluice.renew_batch_work($1::int, $2::bigint, $3::int)")
    private static let validatedStatement = Statement(
        "batch_validated", "select sluice.batch_validated($1::int, $2::bigint, $3::int)")
    private static let rejectedStatement = Statement(
        "batch_rejected", "select sluice.batch_rejected($1::int, $2::bigint, $3::json)")
    private static let beginFileStatement = Statement(
        "batch_file_begin", "select sluice.batch_file_begin($1::int, $2::bigint)")
    private static let finalizedStatement = Statement(
        "batch_finalized",
        "select sluice.batch_finalized($1::int, $2::bigint, $3::bigint[], $4::bigint[], $5::int[], $6::int)")
    private static let recordsStatement = Statement(
        "tenant_batches", "select * from sluice.tenant_batches($1::text, $2::int, $3::int, $4::int)")

    /// Opens a batch of the lines of a file and returns its number; who takes it up validates and loads it.
    ///
    /// - Throws: `notFound` when the tenant has no such file of the purpose batch; `idempotencyKeyReused`.
    package func order(_ order: BatchOrderRequest) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.orderStatement) {
            $0.append(order.tenant)
            $0.append(order.inputFile)
            $0.append(order.kind.rawValue)
            $0.append(order.window)
            $0.append(order.windowSeconds)
            $0.append(order.metadata.map(JSONText.init))
            $0.append(order.outputKeptFor)
            $0.append(order.key)
            $0.append(order.idempotencyKey)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Takes up a batch of a file for which there is something to do and that nobody works on, for `seconds`; nil: none.
    package func claimBatchWork(forSeconds seconds: Int32) async throws(QueueError) -> BatchWork? {
        let rows = try await call(Self.claimStatement) { $0.append(seconds) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return BatchWork(
                batch: try row.decode(0), lease: try row.decode(1), tenant: try row.decode(2),
                kind: try row.decodeWord(3),
                state: try row.decodeWord(4), loaded: try row.decode(5), name: try row.decode(6),
                inputFile: try row.decode(7), inputPieces: try row.decode(8), isFinalizing: try row.decode(9),
                key: try row.decode(10), isCut: try row.decode(11), isCancelled: try row.decode(12))
        }
    }

    /// Gives up the lease of a batch that is still being loaded, so that others have their turn before it; does nothing for
    /// any other.
    package func putBack(_ work: BatchWork) async throws(QueueError) {
        _ = try await call(Self.putBackStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
        }
    }

    /// Keeps the lease for `seconds` more; false: it was lost, or the batch has ended.
    package func renew(_ work: BatchWork, forSeconds seconds: Int32) async throws(QueueError) -> Bool {
        let rows = try await call(Self.renewStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
            $0.append(seconds)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Says that all `total` lines can be sent; nil: the lease was lost, or the batch is not to be loaded any more.
    package func validated(_ work: BatchWork, total: Int32) async throws(QueueError) -> OpenedBatch? {
        let rows = try await call(Self.validatedStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
            $0.append(total)
        }
        let loaded: Int32? = try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
        return loaded.map { OpenedBatch(batch: work.batch, loaded: $0, resumed: $0 > 0, isLoading: $0 < total) }
    }

    /// Ends a batch whose lines cannot be sent, for reasons given as a JSON array; false: the lease was lost, or it was
    /// cancelled.
    package func reject(_ work: BatchWork, errors: [UInt8]) async throws(QueueError) -> Bool {
        let rows = try await call(Self.rejectedStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
            $0.append(JSONText(errors))
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Opens a file for results that nobody sees until `finalize`, and returns its id.
    ///
    /// - Throws: `notFound` when the lease was lost.
    package func beginFile(of work: BatchWork) async throws(QueueError) -> Int64 {
        let rows = try await call(Self.beginFileStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Ends a batch with its files, which are seen from then on; false: the lease was lost, or a job of the batch was queued
    /// again meanwhile.
    ///
    /// - Parameter unloaded: Lines of the error file that were never queued.
    package func finalize(
        _ work: BatchWork, output: UnseenFile?, errors: UnseenFile?, unloaded: Int32 = 0
    ) async throws(QueueError) -> Bool {
        let rows = try await call(Self.finalizedStatement) {
            $0.append(work.batch)
            $0.append(work.lease)
            $0.append([output?.file, errors?.file])
            $0.append([output?.bytes, errors?.bytes])
            $0.append([output?.pieces, errors?.pieces])
            $0.append(unloaded)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Batches of `tenant` below the number `after`, the newest first; 1,001 at most.
    package func batches(of tenant: String, after: Int32?, limit: Int32) async throws(QueueError) -> [BatchRecord] {
        try await records(of: tenant, nil, after: after, limit: limit)
    }

    /// A batch of `tenant`; nil: it has none of this number.
    package func batch(_ batch: Int32, of tenant: String) async throws(QueueError) -> BatchRecord? {
        try await records(of: tenant, batch, after: nil, limit: 1).first
    }

    private func records(
        of tenant: String, _ batch: Int32?, after: Int32?, limit: Int32
    ) async throws(QueueError) -> [BatchRecord] {
        let rows = try await call(Self.recordsStatement) {
            $0.append(tenant)
            $0.append(batch)
            $0.append(after)
            $0.append(limit)
        }
        return try decoding { () throws(PostgresError) in
            var found: [BatchRecord] = []
            for row in rows { found.append(try BatchRecord(row)) }
            return found
        }
    }
}

extension BatchRecord {
    init(_ row: Row) throws(PostgresError) {
        let errors: JSONText? = try row.decode(25)
        let metadata: JSONText? = try row.decode(26)
        self.init(
            progress: try BatchProgress(row), inputFile: try row.decode(14), outputFile: try row.decode(15),
            errorFile: try row.decode(16), window: try row.decode(17), validatedAt: try row.decode(18),
            expiresAt: try row.decode(19), finalizingAt: try row.decode(20), cancelRequestedAt: try row.decode(21),
            expiredAt: try row.decode(22), inputTokens: try row.decode(23), outputTokens: try row.decode(24),
            errors: errors?.utf8, metadata: metadata?.utf8, unloaded: try row.decode(27))
    }
}
