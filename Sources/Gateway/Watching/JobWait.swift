import Queue

/// Waits on behalf of a client until a job has ended, its time is up, or the client has gone.
struct JobWait: Sendable {
    let queue: Queue
    let watch: JobWatch
    let departures: Departures

    /// The job, as soon as it has ended, or when `time` has passed; the visit hears how it ended.
    ///
    /// - Throws: `GatewayFailure` when there is no such job, `QueueError`.
    func settled(_ job: Int64, waitingAtMost time: Duration, _ context: GatewayContext) async throws -> JobStatus {
        if time > .zero {
            try await watch.prepare()
            let ticket = watch.ticket()
            let gone = departures.watch(context.channel) { [watch] in watch.abandon(job, ticket: ticket) }
            defer {
                departures.forget(gone, of: context.channel)
                watch.done(ticket)
            }
            if case .result(let result) = await watch.result(of: job, ticket: ticket, within: time) {
                context.visit.ended(result)
            }
        }
        return try await status(of: job)
    }

    /// The job as it is.
    ///
    /// - Throws: `GatewayFailure` when there is no such job, `QueueError`.
    func status(of job: Int64) async throws -> JobStatus {
        guard let status = try await queue.status(of: [job]).first else { throw GatewayFailure.notFound("job \(job)") }
        return status
    }
}
