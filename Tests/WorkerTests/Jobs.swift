import Domain

@testable import Queue
@testable import Worker

extension ClaimedJob {
    /// A job for a test.
    static func sample(
        _ id: Int64, attempt: Int16 = 1, failures: Int16 = 0, maximumAttempts: Int16 = 5, deadline: Int64? = nil,
        isStreaming: Bool = false
    ) -> ClaimedJob {
        ClaimedJob(
            id: id, attempt: attempt, failures: failures, crashes: 0, maximumAttempts: maximumAttempts, tenant: 1,
            kind: .chat, priority: 2, key: id, deadlineMilliseconds: deadline, queuedMilliseconds: 0,
            isStreaming: isStreaming, payload: Array("{}".utf8))
    }
}

extension AttemptResult {
    /// The end of an attempt, with its answer.
    static func ended(_ job: Int64, attempt: Int16 = 1, body: [UInt8]? = nil) -> AttemptResult {
        AttemptResult(job: job, attempt: attempt, outcome: .succeeded, body: body)
    }
}

extension WorkerMachine {
    /// A machine with one-second grace and ten-second attempts.
    static func sample(slots: Int = 2) -> WorkerMachine {
        var limits = Limits(slots: slots, attemptTimeout: .seconds(10))
        limits.cancelGrace = .seconds(1)
        return WorkerMachine(limits: limits)
    }

    /// Claims `jobs`, as a full claim would.
    mutating func claim(_ jobs: ClaimedJob..., at now: Duration = .zero) {
        _ = beginClaim()
        _ = claimReturned(jobs, asked: jobs.count, latency: .milliseconds(1), at: now)
    }

    /// The database took the ends of `jobs`, which were first attempts.
    mutating func finished(_ jobs: [Int64]) {
        _ = finished(jobs.map { .ended($0) }, refused: [])
    }

    /// What a heartbeat says when nothing is the matter, with `changes`.
    static func reply(
        _ wanted: HeartbeatReply.Wanted = .run, cancelled: [Int64] = [], overtaken: [Int64] = [],
        suspects: Bool = false
    ) -> HeartbeatReply {
        HeartbeatReply(wanted: wanted, cancelled: cancelled, overtaken: overtaken, suspects: suspects)
    }
}
