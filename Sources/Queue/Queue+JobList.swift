package import Domain
internal import Postgres

/// Which jobs to list.
package struct JobFilter: Sendable {
    package var state: JobState?
    package var model: String?
    package var batch: Int32?
    package var tenant: String?
    /// Only jobs with a smaller id: the last one of the page before.
    package var before: Int64?
    /// 1 to 1,000.
    package var limit = 50

    package init() {}
}

extension Queue {
    private static let listStatement = Statement(
        "list_jobs",
        "select * from sluice.list_jobs($1::text::sluice.job_state, $2::text, $3::int, $4::bigint, $5::int, $6::text)")

    /// Jobs, newest first.
    package func jobs(_ filter: JobFilter) async throws(QueueError) -> [JobStatus] {
        let rows = try await call(Self.listStatement) {
            $0.append(filter.state?.rawValue)
            $0.append(filter.model)
            $0.append(filter.batch)
            $0.append(filter.before)
            $0.append(Int32(clamping: filter.limit))
            $0.append(filter.tenant)
        }
        return try decoding { () throws(PostgresError) in
            var found: [JobStatus] = []
            for row in rows { found.append(try JobStatus(row)) }
            return found
        }
    }
}
