package import Domain

/// A job leased to a worker.
package struct ClaimedJob: Sendable {
    /// The job.
    package var id: Int64
    /// The number of this attempt, from 1: with the id, the fence.
    package var attempt: Int16
    /// Attempts before this one that count against `maximumAttempts`.
    package var failures: Int16
    /// Workers this job has taken down.
    package var crashes: Int16
    /// How often it may fail before it is failed for good.
    package var maximumAttempts: Int16
    /// Whose it is; 0: a second attempt's, which is nobody's own.
    package var tenant: Int32
    /// What it asks for.
    package var kind: JobKind
    /// Its level, 0 to 4.
    package var priority: Int16
    /// Its fair key.
    package var key: Int64
    /// Milliseconds until its deadline when it was claimed, by the database's clock; nil if it has none.
    package var deadlineMilliseconds: Int64?
    /// Milliseconds from when it was due until it was claimed, by the database's clock.
    package var queuedMilliseconds: Int64
    /// Whether the pieces of its answer are to be kept while it runs.
    package var isStreaming: Bool
    /// The request, UTF-8 JSON.
    package var payload: [UInt8]
    /// What the arm of an experiment it belongs to changes of the request, UTF-8 JSON; nil: nothing.
    package var treatment: [UInt8]?
    /// The stage of its deployment's traffic it was claimed in.
    package var stage: Int32 = 0
}
