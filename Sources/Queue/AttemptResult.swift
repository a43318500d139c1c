package import Domain

/// How a worker ends one attempt.
package struct AttemptResult: Sendable {
    /// The ends there are, as the function `finish` takes them.
    package enum Outcome: String, Sendable {
        /// Ends the job with its answer.
        case succeeded
        /// Ends the job.
        case failed
        /// Ends the job: it was told to stop.
        case cancelled
        /// Ends the job: its deadline passed.
        case expired
        /// Counts as a failure and queues the job again after `delay`.
        case retried
        /// Queues the job again and counts nothing.
        case released
    }

    /// The largest error object of an upstream that is kept with a failed job.
    package static let maximumErrorBytes = 65_536

    /// The job.
    package var job: Int64
    /// The number of the attempt: with the id, the fence.
    package var attempt: Int16
    /// How it ended.
    package var outcome: Outcome
    /// The answer, or the upstream's error object of at most `maximumErrorBytes`; UTF-8 JSON.
    package var body: [UInt8]?
    /// Why it failed.
    package var errorClass: ErrorClass?
    /// Why it failed, in a sentence of at most 2 KiB.
    package var errorMessage: String?
    /// For `retried`: how long to back off.
    package var delay: Duration
    /// Tokens it consumed.
    package var usage: Usage?

    /// The end of attempt `attempt` of `job`.
    package init(
        job: Int64, attempt: Int16, outcome: Outcome, body: [UInt8]? = nil, errorClass: ErrorClass? = nil,
        errorMessage: String? = nil, delay: Duration = .zero, usage: Usage? = nil
    ) {
        self.job = job
        self.attempt = attempt
        self.outcome = outcome
        self.body = body
        self.errorClass = errorClass
        self.errorMessage = errorMessage
        self.delay = delay
        self.usage = usage
    }
}
