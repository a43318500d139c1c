internal import Domain
internal import Postgres

/// An attempt whose end was refused, because its lease was no longer the worker's.
package struct RefusedAttempt: Sendable, Hashable {
    package var job: Int64
    package var attempt: Int16

    package init(job: Int64, attempt: Int16) {
        self.job = job
        self.attempt = attempt
    }
}

extension Queue {
    private static let refusedStatement = Statement("ends_refused", "select sluice.ends_refused($1::bigint, $2::int)")
    private static let finishStatement = Statement(
        "finish",
        """
        select * from sluice.finish($1, $2, $3, $4::text[], $5::json[], $6::sluice.error_class[], $7::text[], $8, $9, $10,
            $11)
        """)

    /// Ends attempts of `worker`, all in one transaction.
    ///
    /// - Returns: those that were refused because the job runs or ended elsewhere. That is not an error: the fence worked.
    /// - Throws: `invalidData` when PostgreSQL cannot store one of the bodies; then none of them is ended.
    package func finish(worker: Int64, _ results: [AttemptResult]) async throws(QueueError) -> [RefusedAttempt] {
        if results.isEmpty { return [] }
        // In the order of ids, so that two finishes lock rows in one order.
        let results = results.sorted { $0.job < $1.job }
        let rows = try await call(Self.finishStatement) {
            $0.append(worker)
            $0.append(results.map(\.job))
            $0.append(results.map(\.attempt))
            $0.append(results.map(\.outcome.rawValue))
            $0.append(results.map { $0.body.map(JSONText.init) })
            $0.append(results.map { $0.errorClass?.rawValue })
            $0.append(results.map(\.errorMessage))
            $0.append(results.map { $0.delay.wholeMilliseconds })
            $0.append(results.map { $0.usage.map { Int32(clamping: $0.promptTokens) } })
            $0.append(results.map { $0.usage.map { Int32(clamping: $0.completionTokens) } })
            $0.append(results.map { $0.usage?.isEstimated ?? false })
        }
        return try decoding { () throws(PostgresError) in
            var refused: [RefusedAttempt] = []
            for row in rows { refused.append(RefusedAttempt(job: try row.decode(0), attempt: try row.decode(1))) }
            return refused
        }
    }

    /// Counts ends of `worker` that were refused, for who looks at it.
    package func endsRefused(worker: Int64, count: Int) async throws(QueueError) {
        _ = try await call(Self.refusedStatement) {
            $0.append(worker)
            $0.append(Int32(clamping: count))
        }
    }
}
