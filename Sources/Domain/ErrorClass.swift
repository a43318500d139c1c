/// Why an attempt failed, as far as it decides what happens next. The raw value is the word used in SQL, HTTP, metrics
/// and logs.
public enum ErrorClass: String, Sendable, CaseIterable, Codable {
    /// Another try may work: time-outs, lost connections, 5xx.
    case retryable
    /// The upstream asked to wait.
    case rateLimited = "rate_limited"
    /// The request can never work: bad fields, too long. Never retried.
    case invalidRequest = "invalid_request"
    /// The backend's credentials were refused.
    case auth
    /// The backend does not offer what the request asks for. Never retried.
    case unsupported
    /// The backend has no room now.
    case overloaded
    /// The backend's instance is unusable: the worker process is to be replaced. The job itself may be retried.
    case fatal
    /// The attempt exceeded its time and was stopped.
    case timeout
    /// The worker process ended while it held the job.
    case workerLost = "worker_lost"
    /// The job took its worker process down.
    case crash

    /// Whether the failure is the request's own fault, so that no other deployment can do better and the deployment's
    /// health is not judged by it.
    public var isCallersFault: Bool { self == .invalidRequest || self == .unsupported }
}
