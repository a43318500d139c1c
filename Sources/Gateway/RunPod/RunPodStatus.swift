import Domain
import Postgres
import Queue

/// What RunPod's clients call the states of a job.
enum RunPodStatus: String, Sendable, CaseIterable {
    case inQueue = "IN_QUEUE"
    case inProgress = "IN_PROGRESS"
    case completed = "COMPLETED"
    case failed = "FAILED"
    case cancelled = "CANCELLED"
    case timedOut = "TIMED_OUT"

    init(_ state: JobState, _ errorClass: ErrorClass?) {
        self =
            switch state {
            case .scheduled, .queued: .inQueue
            case .running: .inProgress
            case .succeeded: .completed
            case .failed: errorClass == .timeout ? .timedOut : .failed
            case .quarantined: .failed
            case .cancelled: .cancelled
            case .expired: .timedOut
            }
    }
}

extension JobStatus {
    /// The job as RunPod's clients know it; `output` is there once it has succeeded. Times are milliseconds.
    func runPodDocument(result: JobResult? = nil) -> [JSONOutput.Member] {
        let status = RunPodStatus(state, errorClass)
        var members: [JSONOutput.Member] = [
            .init("id", .string("\(id)")), .init("status", .string(status.rawValue)),
        ]
        func add(_ name: String, _ time: Duration) {
            members.append(.init(name, .integer(max(0, time.wholeMilliseconds))))
        }
        if let startedAt {
            add("delayTime", startedAt - (dueAt ?? createdAt))
            if let finishedAt { add("executionTime", finishedAt - startedAt) }
        }
        if let worker { members.append(.init("workerId", .string("\(worker)"))) }
        if state == .succeeded {
            members.append(.init("output", result?.body.map(JSONOutput.raw) ?? .null))
        } else if state.isTerminal {
            members.append(.init("error", .string(errorMessage ?? "The job ended as \(state.rawValue).")))
        }
        return members
    }
}
