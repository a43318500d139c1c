package import Domain
package import Postgres
internal import SQLFiles

/// A key of the gateway, without the key.
package struct KeyListing: Sendable {
    package var id: Int32
    package var tenant: String
    package var name: String
    /// The beginning of the key.
    package var prefix: String
    /// `read`, `submit`, `admin`.
    package var scopes: [String]
    package var createdAt: Timestamp
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    /// The limits of its line, its tenant's apart; nil: none.
    package var requestsPerMinute: Int32?
    package var tokensPerMinute: Int64?
    package var concurrency: Int32?
}

/// How a job ended.
package struct JobResult: Sendable {
    package var job: Int64
    package var state: JobState
    package var attempt: Int16
    package var errorClass: ErrorClass?
    package var errorMessage: String?
    package var promptTokens: Int32?
    package var completionTokens: Int32?
    /// Whether the tokens are a guess of the backend's.
    package var isUsageEstimated: Bool
    /// From when it was due until its last attempt began, by the database's clock.
    package var queuedMilliseconds: Int64
    /// How long its last attempt took.
    package var runMilliseconds: Int64
    /// The answer, or the upstream's error object, UTF-8 JSON.
    package var body: [UInt8]?
    /// The model that answered in place of the one that was asked for; nil when none did.
    package var servedBy: String?
    /// Whether its second attempt answered, begun because the first was late.
    package var isHedged: Bool
}

extension Queue {
    private static let createKeyStatement = Statement(
        "create_key", "select sluice.create_key($1::text, $2::text, $3::text, $4::bytea, $5::timestamptz, $6::text[])")
    private static let listKeysStatement = Statement("list_keys", "select * from sluice.list_keys()")
    private static let revokeKeyStatement = Statement("revoke_key", "select sluice.revoke_key($1::int)")
    private static let announceStatement = Statement(
        "announce_waiting", "select sluice.announce_waiting($1::boolean, $2::boolean, $3::int)")
    private static let resultsOfStatement = Statement("results_of", "select * from sluice.results_of($1)")
    private static let endedOfStatement = Statement(
        "ended_of", "select r.id from unnest($1::bigint[]) i(id) join sluice.result r on r.id = i.id")
    private static let versionStatement = Statement(
        "schema_version", "select max(v.version) from sluice.schema_version v")
    /// The channel on which ended jobs are named, separated by blanks; an empty message stands for any job.
    package static let resultChannel = "sluice_result"

    /// Lets in whoever has the key of this SHA-256, as `tenant`, and returns the key's id.
    ///
    /// - Throws: `unknownTenant`.
    package func createKey(
        tenant: String, name: String, prefix: String, sha256: [UInt8], expiresAt: Timestamp? = nil,
        scopes: [String] = ["submit", "read"]
    ) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.createKeyStatement) {
            $0.append(tenant)
            $0.append(name)
            $0.append(prefix)
            $0.append(sha256)
            $0.append(expiresAt)
            $0.append(scopes)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// The newest keys, at most 1,000.
    package func keys() async throws(QueueError) -> [KeyListing] {
        let rows = try await call(Self.listKeysStatement)
        return try decoding { () throws(PostgresError) in
            var found: [KeyListing] = []
            for row in rows {
                found.append(
                    KeyListing(
                        id: try row.decode(0), tenant: try row.decode(1), name: try row.decode(2),
                        prefix: try row.decode(3), scopes: try row.decode(4), createdAt: try row.decode(5),
                        expiresAt: try row.decode(6), revokedAt: try row.decode(7),
                        requestsPerMinute: try row.decode(8), tokensPerMinute: try row.decode(9),
                        concurrency: try row.decode(10)))
            }
            return found
        }
    }

    /// Lets a key in no more.
    ///
    /// - Throws: `notFound`.
    package func revokeKey(_ id: Int32) async throws(QueueError) {
        _ = try await call(Self.revokeKeyStatement) { $0.append(id) }
    }

    /// Says that somebody waits for results, or for pieces of answers, for so long.
    package func announceWaiting(results: Bool, chunks: Bool, for time: Duration) async throws(QueueError) {
        _ = try await call(Self.announceStatement) {
            $0.append(results)
            $0.append(chunks)
            $0.append(Int32(clamping: time.wholeMilliseconds))
        }
    }

    /// How `jobs` ended, of those that have.
    package func results(of jobs: [Int64]) async throws(QueueError) -> [JobResult] {
        let rows = try await call(Self.resultsOfStatement) { $0.append(jobs) }
        return try decoding { () throws(PostgresError) in
            var found: [JobResult] = []
            for row in rows {
                let body: JSONText? = try row.decode(9)
                found.append(
                    JobResult(
                        job: try row.decode(0), state: try row.decodeWord(1), attempt: try row.decode(2),
                        errorClass: try row.decodeOptionalWord(3), errorMessage: try row.decode(4),
                        promptTokens: try row.decode(5), completionTokens: try row.decode(6),
                        isUsageEstimated: try row.decode(10),
                        queuedMilliseconds: try row.decode(7), runMilliseconds: try row.decode(8), body: body?.utf8,
                        servedBy: try row.decode(11), isHedged: try row.decode(12)))
            }
            return found
        }
    }

    /// Which of `jobs` have ended.
    package func ended(of jobs: [Int64]) async throws(QueueError) -> [Int64] {
        let rows = try await call(Self.endedOfStatement) { $0.append(jobs) }
        return try decoding { () throws(PostgresError) in
            var found: [Int64] = []
            for row in rows { found.append(try row.decode(0)) }
            return found
        }
    }

    /// Succeeds when the database answers, and its tables are those of this program. Whether its functions are, `Migrator`
    /// knows.
    ///
    /// - Throws: `unavailable`, `schemaMismatch`.
    package func checkReady() async throws(QueueError) {
        let rows = try await call(Self.versionStatement)
        let version: Int32? = try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
        let own = SQLFiles.migrations.last?.version
        guard version == own else {
            throw QueueError(
                .schemaMismatch,
                "The database has schema version \(version ?? 0), and this program \(own ?? 0).",
                hint: "Run `sluice migrate`, or use the sluice that was run last.")
        }
    }
}
