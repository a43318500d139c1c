package import Domain

/// One attempt of a job, as a backend gets it.
package struct BackendCall: Sendable {
    /// The job, for the backend's logs.
    package var job: Int64
    /// Which attempt it is, from 1, for the backend's logs.
    package var attempt: Int
    /// What is asked for.
    package var kind: JobKind
    /// The OpenAI-shaped request.
    ///
    /// Passed across without a copy; at most 64 MiB.
    package var body: [UInt8]
    /// Whether the backend should send chunks as it goes.
    package var isStreaming: Bool
    /// What is left until the deadline, or nil when there is none.
    ///
    /// The backend is only told: cancelling the task that executes the call is the worker's business.
    package var deadline: Duration?
    /// For the conformance check: the kind's number on the wire when it is to be one that does not exist.
    var wireKind: UInt32?

    /// A call of `kind` with that `body`.
    package init(
        job: Int64,
        attempt: Int,
        kind: JobKind,
        body: [UInt8],
        isStreaming: Bool = false,
        deadline: Duration? = nil
    ) {
        self.job = job
        self.attempt = attempt
        self.kind = kind
        self.body = body
        self.isStreaming = isStreaming
        self.deadline = deadline
    }
}
