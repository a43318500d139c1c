import Queue

extension Queue {
    /// Cancels the job of a client that has gone: nobody wants the rest.
    func abandon(_ job: Int64) async throws(QueueError) { _ = try await cancel(job, reason: "its client went away") }
}
