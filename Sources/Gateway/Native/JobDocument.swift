import Domain
import Postgres
import Queue

extension JobStatus {
    /// The job as the native API shows it; times are Unix seconds. `result` is there once the job has ended.
    func document(result: JobResult? = nil, details: JobDetails? = nil) -> JSONOutput {
        var members: [JSONOutput.Member] = [
            .init("id", .integer(id)), .init("object", "job"), .init("state", .string(state.rawValue)),
            .init("model", .string(model)), .init("kind", .string(kind.rawValue)),
            .init("priority", .integer(Int64(priority))), .init("attempt", .integer(Int64(attempt))),
            .init("max_attempts", .integer(Int64(maximumAttempts))),
            .init("created_at", .number(createdAt.unixSeconds)),
        ]
        func add(_ name: String, _ time: Timestamp?) {
            if let time { members.append(.init(name, .number(time.unixSeconds))) }
        }
        add("due_at", dueAt)
        add("deadline_at", deadlineAt)
        add("started_at", startedAt)
        add("finished_at", finishedAt)
        if let batch { members.append(.init("batch", .integer(Int64(batch)))) }
        if let deployment { members.append(.init("deployment", .string(deployment))) }
        if let servedBy {
            members.append(.init("degraded", .bool(true)))
            members.append(.init("served_by", .string(servedBy)))
        }
        if isHedged { members.append(.init("hedged", .bool(true))) }
        if let affinity = details?.affinity { members.append(.init("affinity", .string(affinity))) }
        if let webhook = details?.webhook { members.append(.init("webhook", .string(webhook))) }
        if let milliseconds = details?.executionMilliseconds {
            members.append(.init("execution_ms", .integer(Int64(milliseconds))))
        }
        if let metadata = details?.metadata { members.append(.init("metadata", .raw(metadata))) }
        if let promptTokens {
            var usage: [JSONOutput.Member] = [
                .init("prompt_tokens", .integer(Int64(promptTokens))),
                .init("completion_tokens", .integer(Int64(completionTokens ?? 0))),
            ]
            if isUsageEstimated == true { usage.append(.init("estimated", .bool(true))) }
            members.append(.init("usage", .object(usage)))
        }
        if errorClass != nil || errorMessage != nil {
            members.append(
                .init(
                    "error",
                    [
                        "class": errorClass.map { .string($0.rawValue) } ?? .null,
                        "message": errorMessage.map(JSONOutput.string) ?? .null,
                        "body": state == .succeeded ? .null : result?.body.map(JSONOutput.raw) ?? .null,
                    ]))
        }
        if state == .succeeded, let body = result?.body { members.append(.init("result", .raw(body))) }
        return .object(members)
    }
}
