package import Postgres

/// What a look for due jobs did.
package struct Promotion: Sendable {
    /// How many were queued.
    package var promoted: Int32
    /// Where to start next time.
    package var floor: Timestamp
    /// How long until the next one is due; nil: none is scheduled at or after the floor.
    package var next: Duration?
}

/// A worker that was found dead.
package struct ReapedWorker: Sendable {
    package var worker: Int64
    package var cause: String
    package var returned: Int32
}

extension Queue {
    private static let promoteStatement = Statement(
        "promote_due", "select * from sluice.promote_due(coalesce($1::timestamptz, '-infinity'), $2::int)")
    private static let fallBackStatement = Statement("fall_back", "select sluice.fall_back($1::int)")
    private static let tendStatement = Statement("tend_hedges", "select sluice.tend_hedges($1::int)")
    private static let overdueStatement = Statement("find_overdue", "select sluice.find_overdue()")
    private static let expireStatement = Statement("expire", "select sluice.expire($1::int)")
    private static let reapStatement = Statement("reap", "select * from sluice.reap()")
    private static let sweepStatement = Statement("sweep", "select sluice.sweep()")
    private static let expireChunksStatement = Statement("expire_chunks", "select sluice.expire_chunks()")
    private static let settleStatement = Statement("settle_batches", "select sluice.settle_batches()")
    private static let partitionStatement = Statement("ensure_partitions", "select sluice.ensure_partitions()")
    private static let tidyStatement = Statement("tidy", "select sluice.tidy()")

    /// Queues up to `limit` jobs that came due at or after `floor`; nil looks from the beginning.
    package func promote(from floor: Timestamp?, limit: Int32 = 1000) async throws(QueueError) -> Promotion {
        let rows = try await call(Self.promoteStatement) {
            $0.append(floor)
            $0.append(limit)
        }
        return try first(of: rows) { row throws(PostgresError) in
            let next: Int64? = try row.decode(2)
            return Promotion(
                promoted: try row.decode(0), floor: try row.decode(1), next: next.map { .milliseconds($0) })
        }
    }

    /// Ends up to `limit` jobs whose deadline passed, and returns how many.
    package func expire(limit: Int32 = 1000) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.expireStatement) { $0.append(limit) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Queues up to `limit` jobs of each model that nobody can serve for a model that stands in, and returns how many.
    package func fallBack(limit: Int32 = 1000) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.fallBackStatement) { $0.append(limit) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Ends up to `limit` second attempts that were just moving when their jobs ended, and returns how many.
    package func tendHedges(limit: Int32 = 1000) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.tendStatement) { $0.append(limit) }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Lets the workers of other deployments at jobs that have waited too long in a share, and returns in how many shares
    /// there are some.
    package func findOverdue() async throws(QueueError) -> Int32 {
        try first(of: try await call(Self.overdueStatement)) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Finds workers that lost their connection or stopped their heartbeat, and takes their leases back.
    package func reap() async throws(QueueError) -> [ReapedWorker] {
        let rows = try await call(Self.reapStatement)
        return try decoding { () throws(PostgresError) in
            var reaped: [ReapedWorker] = []
            for row in rows {
                reaped.append(
                    ReapedWorker(worker: try row.decode(0), cause: try row.decode(1), returned: try row.decode(2)))
            }
            return reaped
        }
    }

    /// Empties ring slots that are mostly garbage, and returns what it did, empty if nothing.
    package func sweep() async throws(QueueError) -> String {
        try first(of: try await call(Self.sweepStatement)) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Forgets the oldest pieces of answers, and returns what it did, empty if nothing.
    package func expireChunks() async throws(QueueError) -> String {
        try first(of: try await call(Self.expireChunksStatement)) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Folds the counts of finished jobs into their batches, and returns how many batches ended.
    package func settleBatches() async throws(QueueError) -> Int32 {
        try first(of: try await call(Self.settleStatement)) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Makes the partitions that will be needed next, and returns how many.
    package func ensurePartitions() async throws(QueueError) -> Int32 {
        try first(of: try await call(Self.partitionStatement)) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Removes what ended jobs no longer need.
    package func tidy() async throws(QueueError) {
        _ = try await call(Self.tidyStatement)
    }
}
