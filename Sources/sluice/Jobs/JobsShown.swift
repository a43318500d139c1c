import Domain
import Postgres
import Queue
import Terminal

/// How jobs look.
enum JobsShown {
    /// A table of jobs.
    static func table(_ jobs: [JobStatus]) -> TextTable {
        var table = TextTable([
            .init("id", key: "id"), .init("state", key: "state"), .init("model", key: "model", canShrink: true),
            .init("kind", key: "kind"), .init("prio", key: "priority"), .init("batch", key: "batch"),
            .init("custom id", key: "custom_id", canShrink: true), .init("tries", key: "attempt"),
            .init("created", key: "created_at"), .init("took", key: "seconds"),
            .init("deployment", key: "deployment", canShrink: true),
            .init("error", key: "error_message", canShrink: true),
        ])
        for job in jobs {
            table.append([
                number(job.id), .word(job.state.rawValue), .text(job.model), .text(job.kind.rawValue),
                .count(Int64(job.priority)), job.batch.map { number(Int64($0)) } ?? .none,
                job.customID.map(Cell.text) ?? .none, .count(Int64(job.attempt)), time(job.createdAt), took(job),
                job.deployment.map(Cell.text) ?? .none, job.errorMessage.map(Cell.text) ?? .none,
            ])
        }
        return table
    }

    /// Everything that is known of a job.
    static func facts(_ job: JobStatus, request: [UInt8]?, answer: [UInt8]?) -> FactList {
        var facts = FactList()
        facts.append("job", key: "id", number(job.id))
        facts.append("state", key: "state", .word(job.state.rawValue))
        facts.append("model", key: "model", .text(job.model))
        facts.append("kind", key: "kind", .text(job.kind.rawValue))
        facts.append("tenant", key: "tenant", .text(job.tenant))
        facts.append("priority", key: "priority", .count(Int64(job.priority)))
        facts.append("batch", key: "batch", job.batch.map { number(Int64($0)) } ?? .none)
        facts.append("custom id", key: "custom_id", job.customID.map(Cell.text) ?? .none)
        facts.append("attempts", key: "attempt", .count(Int64(job.attempt)))
        facts.append("failures", key: "failures", job.failures.map { .count(Int64($0)) } ?? .none)
        facts.append("most failures", key: "max_attempts", .count(Int64(job.maximumAttempts)))
        facts.append("created", key: "created_at", time(job.createdAt))
        facts.append("due", key: "due_at", job.dueAt.map(time) ?? .none)
        facts.append("deadline", key: "deadline_at", job.deadlineAt.map(time) ?? .none)
        facts.append("started", key: "started_at", job.startedAt.map(time) ?? .none)
        facts.append("finished", key: "finished_at", job.finishedAt.map(time) ?? .none)
        facts.append("took", key: "seconds", took(job))
        facts.append("worker", key: "worker", job.worker.map(number) ?? .none)
        facts.append("deployment", key: "deployment", job.deployment.map(Cell.text) ?? .none)
        facts.append("served by", key: "served_by", job.servedBy.map(Cell.text) ?? .none)
        facts.append("second attempt answered", key: "hedged", .flag(job.isHedged))
        facts.append("tokens in", key: "prompt_tokens", job.promptTokens.map { .count(Int64($0)) } ?? .none)
        facts.append("tokens out", key: "completion_tokens", job.completionTokens.map { .count(Int64($0)) } ?? .none)
        facts.append("tokens estimated", key: "usage_estimated", job.isUsageEstimated.map(Cell.flag) ?? .none)
        facts.append("error", key: "error_class", job.errorClass.map { .word($0.rawValue) } ?? .none)
        facts.append("message", key: "error_message", job.errorMessage.map(Cell.text) ?? .none)
        facts.append("request", key: "request", request.map(Cell.json) ?? .none)
        let body = answer.map(Cell.json) ?? .none
        facts.append("upstream's error", key: "error_body", job.state == .succeeded ? .none : body)
        facts.append("answer", key: "answer", job.state == .succeeded ? body : .none)
        return facts
    }

    /// What to end with after these jobs: `ok` when all succeeded.
    static func exit(_ jobs: [JobStatus]) -> ProcessExit {
        jobs.allSatisfy { $0.state == .succeeded } ? .ok : .failed
    }

    /// An id: a number, but not one to be grouped.
    static func number(_ id: Int64) -> Cell { .number(Double(id), decimals: 0) }

    static func time(_ time: Timestamp) -> Cell {
        // From the year 2000, which PostgreSQL counts from, to 1970.
        .time(UTCTime(unixMicroseconds: time.microseconds &+ 946_684_800_000_000))
    }

    /// How long the last attempt ran.
    private static func took(_ job: JobStatus) -> Cell {
        guard let start = job.startedAt, let end = job.finishedAt else { return .none }
        return .duration(end - start)
    }
}
