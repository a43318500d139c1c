import ArgumentParser
import Domain
import Queue
import Terminal

/// What became of each job a command was to change.
struct JobsChange {
    private var table = TextTable([
        .init("id", key: "id"), .init("state", key: "state"), .init("note", key: "note", canShrink: true),
    ])
    private(set) var refused = 0

    mutating func append(_ id: Int64, _ state: String, _ note: String?) {
        table.append([JobsShown.number(id), .word(state), note.map(Cell.text) ?? .none])
    }

    /// The queue would not.
    mutating func refuse(_ id: Int64, _ error: QueueError) {
        refused += 1
        append(id, "error", error.description)
    }

    /// Shows it, and returns what to end with.
    func show(_ console: Console) throws -> ProcessExit {
        if !table.rows.isEmpty { try console.show(table) }
        return refused == 0 ? .ok : .failed
    }
}

/// `sluice jobs cancel`
struct JobsCancelCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs.",
        discussion: """
            A job that waits ends at once. One that runs is told to stop; `sluice jobs wait` says when it has. One that \
            has ended stays as it is.
            """)

    @Argument(help: "The jobs.")
    var ids: [Int64]
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database).queue
        var change = JobsChange()
        for id in ids {
            do throws(QueueError) {
                let state = try await queue.cancel(id)
                change.append(
                    id, state.rawValue,
                    state == .running ? "told to stop" : state == .cancelled ? nil : "had ended before")
            } catch {
                guard error.code == .notFound || error.code == .busy else { throw error }
                change.refuse(id, error)
            }
        }
        return try change.show(console)
    }
}

/// `sluice jobs retry`
struct JobsRetryCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Queue jobs again that ended without success.",
        discussion: "They get a new budget of attempts. --all-dead takes every failed and quarantined job.")

    @Argument(help: "The jobs.")
    var ids: [Int64] = []
    @Flag(help: "All failed and quarantined jobs, or those of --model or --batch.")
    var allDead = false
    @Option(help: "With --all-dead: only jobs of this model.")
    var model: String?
    @Option(help: "With --all-dead: only jobs of this batch.")
    var batch: Int32?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard allDead == ids.isEmpty else { throw ValidationError("Name jobs, or give --all-dead.") }
        guard allDead || (model == nil && batch == nil) else {
            throw ValidationError("--model and --batch go with --all-dead.")
        }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database).queue
        if allDead { return try await retryAll(queue, console) }
        var change = JobsChange()
        for id in ids { try await retry(id, queue, &change) }
        return try change.show(console)
    }

    private func retryAll(_ queue: Queue, _ console: Console) async throws -> ProcessExit {
        var change = JobsChange()
        var retried: Int64 = 0
        var display = ProgressDisplay(ProgressMeter("retrying"), on: console)
        for state in [JobState.failed, .quarantined] {
            var filter = JobFilter()
            (filter.state, filter.model, filter.batch, filter.limit) = (state, model, batch, 1_000)
            while true {
                let page = try await queue.jobs(filter)
                guard let last = page.last else { break }
                for job in page {
                    let refused = change.refused
                    try await retry(job.id, queue, &change, isShown: false)
                    if change.refused == refused { retried += 1 }
                    display.advanced(to: retried, failed: Int64(change.refused))
                }
                filter.before = last.id
            }
        }
        display.finish()
        if console.options.isJSON {
            try console.show(["retried": .integer(retried), "refused": .integer(Int64(change.refused))])
        } else {
            try console.show([retried == 1 ? "1 job queued again." : "\(HumanFormat.count(retried)) jobs queued again."]
            )
            _ = try change.show(console)
        }
        return change.refused == 0 ? .ok : .failed
    }

    private func retry(_ id: Int64, _ queue: Queue, _ change: inout JobsChange, isShown: Bool = true) async throws {
        do throws(QueueError) {
            try await queue.retry(id)
            if isShown { change.append(id, JobState.queued.rawValue, nil) }
        } catch {
            guard error.code == .notFound || error.code == .notRetriable else { throw error }
            change.refuse(id, error)
        }
    }
}
