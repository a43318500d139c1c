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
        claimReturned(jobs, asked: jobs.count, latency: .milliseconds(1), at: now)
    }

    /// What a heartbeat says when nothing is the matter, with `changes`.
    static func reply(
        _ wanted: HeartbeatReply.Wanted = .run, cancelled: [Int64] = [], overtaken: [Int64] = [],
        suspects: Bool = false
    ) -> HeartbeatReply {
        HeartbeatReply(wanted: wanted, cancelled: cancelled, overtaken: overtaken, suspects: suspects)
    }
}
