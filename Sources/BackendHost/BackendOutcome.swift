package import Domain

/// How a call ended.
package enum BackendOutcome: Sendable, Hashable {
    /// Answered.
    ///
    /// The body is one JSON value in UTF-8: the host has checked that.
    case succeeded(body: [UInt8], usage: Usage?)
    /// Not answered.
    ///
    /// The message is one line of at most 2 KiB; `body` is the upstream's own error object when there was one that is
    /// valid JSON.
    case failed(class: ErrorClass, message: String, retryAfter: Duration?, body: [UInt8]?)
    /// Cancelled, and the backend is done with it.
    ///
    /// A call that was cancelled too late ends as it ended.
    case cancelled
    /// Given up by `abandonAll`; the backend may still be at work on it.
    case abandoned
}
