internal import Domain
internal import Postgres

/// What a claim returned.
package struct Claim: Sendable {
    /// The jobs, by priority and fair key.
    package var jobs: [ClaimedJob]
    /// Per priority, where a level in which nothing was found may start next time.
    package var emptyFloors: [Int64]
    /// Changes when the share of the worker's deployment may have changed.
    package var share: Int64
    /// The stage of the deployment's traffic its jobs are judged in.
    package var stage: Int32
    /// When the limits of the worker's deployment allowed no more: in how long to ask again. Then what was not found says
    /// nothing.
    package var rest: Duration?

    /// Per priority, the largest key among the jobs; nil where there is none.
    package var largestKeys: [Int64?] {
        var keys = [Int64?](repeating: nil, count: Priority.levels)
        for job in jobs { keys[Int(job.priority)] = max(keys[Int(job.priority)] ?? 0, job.key) }
        return keys
    }
}

extension Queue {
    private static let claimStatement = Statement("claim", "select * from sluice.claim($1, $2, $3, $4, $5)")
    private static let tenantNamesStatement = Statement("tenant_names", "select * from sluice.tenant_names($1::int[])")
    private static let claimSuspectStatement = Statement("claim_suspect", "select * from sluice.claim_suspect($1)")

    /// Leases up to `limit` jobs to `worker`.
    ///
    /// - Parameters:
    ///   - limit: 1 to 1,000.
    ///   - range: where to look.
    ///   - waiting: if this claim finds nothing, how long the worker will wait for a notification; zero if it will not.
    /// - Throws: `workerDead` when the worker was declared dead: its process must end.
    package func claim(
        worker: Int64, limit: Int, range: ClaimRange = .everything, waiting: Duration = .zero
    ) async throws(QueueError) -> Claim {
        let rows = try await call(Self.claimStatement) {
            $0.append(worker)
            $0.append(Int32(limit))
            $0.append(range.floors)
            $0.append(Int32(clamping: waiting.wholeMilliseconds))
            $0.append(range.ceilings)
        }
        return try decoding { () throws(PostgresError) in
            var claim = Claim(jobs: [], emptyFloors: [], share: 0, stage: 0)
            claim.jobs.reserveCapacity(rows.count)
            for row in rows {
                if row.isNull(0) {
                    claim.share = try row.decode(7)
                    claim.emptyFloors = try row.decode(12)
                    claim.stage = try row.decode(13)
                    let rest: Int32? = try row.decode(15)
                    claim.rest = rest.map { .milliseconds($0) }
                } else {
                    claim.jobs.append(try ClaimedJob(row))
                }
            }
            for index in claim.jobs.indices { claim.jobs[index].stage = claim.stage }
            return claim
        }
    }

    /// The names of tenants, by id; those there are not are left out.
    ///
    /// - Parameter ids: 10,000 at most.
    package func tenantNames(_ ids: [Int32]) async throws(QueueError) -> [Int32: String] {
        let rows = try await call(Self.tenantNamesStatement) { $0.append(ids) }
        return try decoding { () throws(PostgresError) in
            var names: [Int32: String] = [:]
            for row in rows { names[try row.decode(0)] = try row.decode(1) as String }
            return names
        }
    }

    /// Leases one suspect of the worker's model; nil if there is none. The worker must run nothing else beside it.
    package func claimSuspect(worker: Int64) async throws(QueueError) -> ClaimedJob? {
        let rows = try await call(Self.claimSuspectStatement) { $0.append(worker) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return try ClaimedJob(row)
        }
    }
}

extension ClaimedJob {
    init(_ row: Row) throws(PostgresError) {
        let payload: JSONText = try row.decode(11)
        let treatment: JSONText? = try row.decode(14)
        self.init(
            id: try row.decode(0), attempt: try row.decode(1), failures: try row.decode(2), crashes: try row.decode(3),
            maximumAttempts: try row.decode(4), tenant: try row.decode(16), kind: try row.decodeWord(5),
            priority: try row.decode(6),
            key: try row.decode(7), deadlineMilliseconds: try row.decode(8), queuedMilliseconds: try row.decode(9),
            isStreaming: try row.decode(10), payload: payload.utf8,
            treatment: treatment?.utf8)
    }
}

extension Row {
    /// Decodes a column that holds one word of a closed vocabulary.
    func decodeWord<T: RawRepresentable<String>>(_ column: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
        let word: String = try decode(column)
        guard let value = T(rawValue: word) else {
            throw PostgresError(.decoding, "The column holds a word this program does not know.", column: column)
        }
        return value
    }

    /// Decodes a column that holds one word of a closed vocabulary, or NULL.
    func decodeOptionalWord<T: RawRepresentable<String>>(
        _ column: Int, as type: T.Type = T.self
    ) throws(PostgresError) -> T? {
        if isNull(column) { return nil }
        return try decodeWord(column)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a wait is never shorter than asked.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let thousandths = attoseconds / 1_000_000_000_000_000
        return seconds * 1000 + thousandths + (attoseconds % 1_000_000_000_000_000 > 0 ? 1 : 0)
    }
}
