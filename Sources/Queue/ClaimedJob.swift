public import Domain

/// A job leased to a worker.
public struct ClaimedJob: Sendable {
    /// The job.
    public var id: Int64
    /// The number of this attempt, from 1: with the id, the fence.
    public var attempt: Int16
    /// Attempts before this one that count against `maximumAttempts`.
    public var failures: Int16
    /// Workers this job has taken down.
    public var crashes: Int16
    /// How often it may fail before it is failed for good.
    public var maximumAttempts: Int16
    /// What it asks for.
    public var kind: JobKind
    /// Its level, 0 to 4.
    public var priority: Int16
    /// Its fair key.
    public var key: Int64
    /// Milliseconds until its deadline when it was claimed, by the database's clock; nil if it has none.
    public var deadlineMilliseconds: Int64?
    /// Milliseconds from when it was due until it was claimed, by the database's clock.
    public var queuedMilliseconds: Int64
    /// The request, UTF-8 JSON.
    public var payload: [UInt8]
}
