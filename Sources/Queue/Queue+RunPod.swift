import Postgres

/// What waits and runs for a tenant and model, and who works on it.
package struct EndpointHealth: Sendable {
    /// 10,000 at most are counted.
    package var queued: Int64
    package var running: Int64
    /// Of the newest 10,000 jobs, like the two below.
    package var completed: Int64
    package var failed: Int64
    package var retried: Int64
    package var workersStarting: Int64
    package var workersIdle: Int64
    package var workersBusy: Int64
}

/// What an owner said of a job and `JobStatus` leaves out.
package struct JobDetails: Sendable {
    /// UTF-8 JSON.
    package var metadata: [UInt8]?
    package var affinity: String?
    package var executionMilliseconds: Int32?
    package var webhook: String?
}

extension Queue {
    private static let takeStatement = Statement("take_chunks", "select * from sluice.take_chunks($1, $2::int)")
    private static let purgeStatement = Statement(
        "purge_queue", "select sluice.purge_queue($1::text, $2::text, $3::int)")
    private static let healthStatement = Statement(
        "endpoint_health", "select * from sluice.endpoint_health($1::text, $2::text)")
    private static let detailsStatement = Statement("job_details", "select * from sluice.job_details($1)")

    /// The pieces of the answer of `job` that were not taken before. Taken is taken: `readChunks` is for whoever can say
    /// where they are.
    ///
    /// - Throws: `notFound`.
    package func takeChunks(of job: Int64, limit: Int32 = 1_000) async throws(QueueError) -> ChunkPage {
        let rows = try await call(Self.takeStatement) {
            $0.append(job)
            $0.append(limit)
        }
        return try decoding { () throws(PostgresError) in try ChunkPage(rows, of: job) }
    }

    /// Cancels up to `limit` jobs of `tenant` and `model` that wait, but those of batches. Returns how many.
    ///
    /// - Throws: `unknownModel`, `unknownTenant`.
    package func purge(model: String, tenant: String, limit: Int32 = 1_000) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.purgeStatement) {
            $0.append(tenant)
            $0.append(model)
            $0.append(limit)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// How a model serves a tenant.
    ///
    /// - Throws: `unknownModel`, `unknownTenant`.
    package func endpointHealth(model: String, tenant: String) async throws(QueueError) -> EndpointHealth {
        let rows = try await call(Self.healthStatement) {
            $0.append(tenant)
            $0.append(model)
        }
        return try first(of: rows) { row throws(PostgresError) in
            EndpointHealth(
                queued: try row.decode(0), running: try row.decode(1), completed: try row.decode(2),
                failed: try row.decode(3), retried: try row.decode(4), workersStarting: try row.decode(5),
                workersIdle: try row.decode(6), workersBusy: try row.decode(7))
        }
    }

    /// What the owners of `jobs` said of them, by id.
    package func details(of jobs: [Int64]) async throws(QueueError) -> [Int64: JobDetails] {
        let rows = try await call(Self.detailsStatement) { $0.append(jobs) }
        return try decoding { () throws(PostgresError) in
            var found: [Int64: JobDetails] = [:]
            for row in rows {
                let metadata: JSONText? = try row.decode(1)
                found[try row.decode(0)] = JobDetails(
                    metadata: metadata?.utf8, affinity: try row.decode(2), executionMilliseconds: try row.decode(3),
                    webhook: try row.decode(4))
            }
            return found
        }
    }
}
