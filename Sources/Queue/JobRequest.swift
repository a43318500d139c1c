package import Domain
package import Postgres

/// A request to be queued.
package struct JobRequest: Sendable {
    /// The public name of the model.
    package var model: String
    /// The request as the OpenAI API takes it, UTF-8 JSON, an object.
    package var payload: [UInt8]
    /// What it asks for.
    package var kind: JobKind = .chat
    /// How urgent it is.
    package var priority: Priority = .normal
    /// Not to be started before; nil: now.
    package var runAt: Timestamp?
    /// To be given up after; nil: never.
    package var deadline: Timestamp?
    /// To be given up that long after it was accepted, by the database's clock, when there is no `deadline`; nil: never.
    package var timeToLive: Duration?
    /// How long one attempt may run, up to 7 days; longer ends the job as expired. nil: what its model says.
    package var executionLimit: Duration?
    /// A repeated enqueue with this key finds the first job instead of making another. At most 256 bytes.
    package var idempotencyKey: String?
    /// Jobs of one affinity go to one deployment. At most 512 bytes.
    package var affinity: String?
    /// The owner.
    package var tenant = "default"
    /// How often it may fail; nil: what its model says.
    package var maximumAttempts: Int?
    /// Anything the owner wants to find again, UTF-8 JSON.
    package var metadata: [UInt8]?
    /// Whether the pieces of its answer are to be kept while it runs, for `Queue.readChunks`.
    package var isStreaming = false
    /// Who is told of its end.
    package var webhook: JobWebhook?

    package init(model: String, payload: [UInt8]) {
        self.model = model
        self.payload = payload
    }
}
