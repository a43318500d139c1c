import Domain
import Postgres
import Queue
import Terminal

/// How batches look.
enum BatchShown {
    /// A table of batches.
    static func table(_ batches: [BatchProgress]) -> TextTable {
        var table = TextTable([
            .init("id", key: "id"), .init("name", key: "name", canShrink: true), .init("kind", key: "kind"),
            .init("state", key: "state"), .init("total", key: "total"), .init("loaded", key: "loaded"),
            .init("succeeded", key: "succeeded"), .init("failed", key: "failed"),
            .init("cancelled", key: "cancelled"), .init("expired", key: "expired"),
            .init("quarantined", key: "quarantined"), .init("created", key: "created_at"),
            .init("took", key: "seconds"),
        ])
        for batch in batches {
            table.append([
                JobsShown.number(Int64(batch.batch)), .text(batch.name), .text(batch.kind.rawValue),
                .word(batch.state.rawValue),
                .count(Int64(batch.total)), .count(Int64(batch.loaded)), .count(Int64(batch.succeeded)),
                .count(Int64(batch.failed)), .count(Int64(batch.cancelled)), .count(Int64(batch.expired)),
                .count(Int64(batch.quarantined)), JobsShown.time(batch.createdAt), took(batch),
            ])
        }
        return table
    }

    /// Everything that is known of a batch.
    static func facts(_ batch: BatchProgress) -> FactList {
        var facts = FactList()
        facts.append("batch", key: "id", JobsShown.number(Int64(batch.batch)))
        facts.append("name", key: "name", .text(batch.name))
        facts.append("state", key: "state", .word(batch.state.rawValue))
        facts.append("kind", key: "kind", .text(batch.kind.rawValue))
        facts.append("requests", key: "total", .count(Int64(batch.total)))
        facts.append("loaded", key: "loaded", .count(Int64(batch.loaded)))
        facts.append("succeeded", key: "succeeded", .count(Int64(batch.succeeded)))
        facts.append("failed", key: "failed", .count(Int64(batch.failed)))
        facts.append("cancelled", key: "cancelled", .count(Int64(batch.cancelled)))
        facts.append("expired", key: "expired", .count(Int64(batch.expired)))
        facts.append("quarantined", key: "quarantined", .count(Int64(batch.quarantined)))
        facts.append("created", key: "created_at", JobsShown.time(batch.createdAt))
        facts.append("loaded at", key: "loaded_at", batch.loadedAt.map(JobsShown.time) ?? .none)
        facts.append("ended", key: "ended_at", batch.endedAt.map(JobsShown.time) ?? .none)
        facts.append("took", key: "seconds", took(batch))
        return facts
    }

    /// What to end with: `ok` when every request has an answer.
    static func exit(_ batch: BatchProgress) -> ProcessExit {
        batch.state == .completed && batch.succeeded == batch.total ? .ok : .failed
    }

    /// There is no batch of this number.
    static func missing(_ id: Int32) -> CommandFailure {
        CommandFailure(.noInput, "There is no batch \(id).", fix: "`sluice batch list` shows the newest.")
    }

    private static func took(_ batch: BatchProgress) -> Cell {
        batch.endedAt.map { .duration($0 - batch.createdAt) } ?? .none
    }
}

extension BatchProgress {
    /// Whether it will not change any more.
    var hasEnded: Bool { endedAt != nil }
    /// Whether every request has ended, told or not.
    var isComplete: Bool { state != .loading && done == total }
    /// Requests that ended without an answer.
    var unsuccessful: Int32 { done - succeeded }
}
