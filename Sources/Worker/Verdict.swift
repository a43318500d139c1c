import BackendHost
import Domain
import Fleet
import Queue

/// Turns what a backend said into how the attempt ends.
struct Verdict: Sendable {
    /// The model's back-off.
    let base: Duration
    /// The longest back-off.
    let cap: Duration

    /// How the attempt of `job` ends that came to `outcome` after being told to stop for `reason`, if it was.
    ///
    /// - Returns: nil when this process cannot say: the call was abandoned and its lease is left to the crash budget.
    func result(
        of job: ClaimedJob, outcome: BackendOutcome, reason: WorkerMachine.StopReason?
    ) -> AttemptResult? {
        switch outcome {
        case .succeeded(let body, let usage):
            // An answer that came in spite of being told to stop is an answer.
            return AttemptResult(job: job.id, attempt: job.attempt, outcome: .succeeded, body: body, usage: usage)
        case .failed(let errorClass, let message, let retryAfter, let body):
            if let reason, reason != .timeout { return stopped(job, reason) }
            return failure(of: job, errorClass, message, retryAfter: retryAfter, body: body)
        case .cancelled:
            // A backend that stops by itself, untold, has failed to answer.
            guard let reason else {
                return failure(
                    of: job, .retryable, "The backend gave the call up by itself.", retryAfter: nil, body: nil)
            }
            return stopped(job, reason)
        case .abandoned:
            return nil
        }
    }

    /// How an attempt ends that was stopped for `reason`.
    func stopped(_ job: ClaimedJob, _ reason: WorkerMachine.StopReason?) -> AttemptResult {
        switch reason {
        case .cancelled:
            AttemptResult(
                job: job.id, attempt: job.attempt, outcome: .cancelled, errorMessage: "cancelled by request")
        case .overtaken:
            // The database refuses it: the job has its answer.
            AttemptResult(
                job: job.id, attempt: job.attempt, outcome: .cancelled,
                errorMessage: "its second attempt answered first")
        case .deadline:
            AttemptResult(
                job: job.id, attempt: job.attempt, outcome: .expired, errorMessage: "its deadline passed while it ran")
        case .timeout:
            failure(of: job, .timeout, "The attempt took longer than it may.", retryAfter: nil, body: nil)
        case .drain, nil:
            AttemptResult(job: job.id, attempt: job.attempt, outcome: .released)
        }
    }

    private func failure(
        of job: ClaimedJob, _ errorClass: ErrorClass, _ message: String, retryAfter: Duration?, body: [UInt8]?
    ) -> AttemptResult {
        let policy = RetryPolicy(base: base, cap: cap)
        var random = SystemRandomNumberGenerator()
        let decision = policy.decide(
            errorClass, failures: Int(job.failures) + 1, maximumAttempts: Int(job.maximumAttempts),
            retryAfter: retryAfter,
            using: &random)
        switch decision {
        case .retry(let delay):
            return AttemptResult(
                job: job.id, attempt: job.attempt, outcome: .retried, errorClass: errorClass, errorMessage: message,
                delay: delay)
        case .fail:
            // Half an error object would be no JSON; the message says the most of it anyway.
            let body = body.flatMap { $0.count <= AttemptResult.maximumErrorBytes ? $0 : nil }
            return AttemptResult(
                job: job.id, attempt: job.attempt, outcome: .failed, body: body, errorClass: errorClass,
                errorMessage: message)
        }
    }
}
