import Domain
import Queue
import Terminal

/// Waiting for jobs to end.
struct JobsWait {
    let queue: Queue
    let console: Console
    /// When to stop; nil: never.
    let deadline: ContinuousClock.Instant?

    /// Jobs asked about in one call.
    private static let pageJobs = 1_000

    init(_ queue: Queue, _ console: Console, timeout: Duration?) {
        self.queue = queue
        self.console = console
        deadline = timeout.map { .now + $0 }
    }

    /// Waits until all of `jobs` have ended and returns them in the order given.
    ///
    /// - Throws: `CommandFailure` when one does not exist, or time runs out; `QueueError`; `CancellationError`.
    func ended(_ jobs: [Int64]) async throws -> [JobStatus] {
        var waiting = jobs
        var found: [Int64: JobStatus] = [:]
        var pace = JobsPace()
        // One job needs no bar: the answer is the progress.
        var display =
            jobs.count > 1 ? ProgressDisplay(ProgressMeter("waiting", total: Int64(jobs.count)), on: console) : nil
        defer { display?.finish() }
        while true {
            let before = waiting.count
            waiting = try await look(at: waiting, &found)
            if waiting.isEmpty { break }
            let failed = found.values.count { $0.state != .succeeded }
            display?.advanced(to: Int64(found.count), failed: Int64(failed))
            if let deadline, deadline <= .now { throw overdue(waiting) }
            if waiting.count < before { pace.quicken() }
            try await pace.wait(until: deadline)
        }
        display?.advanced(to: Int64(found.count), failed: Int64(found.values.count { $0.state != .succeeded }))
        return jobs.compactMap { found[$0] }
    }

    /// Asks about `jobs` and returns those that have not ended.
    private func look(at jobs: [Int64], _ found: inout [Int64: JobStatus]) async throws -> [Int64] {
        var rest: [Int64] = []
        for start in stride(from: 0, to: jobs.count, by: Self.pageJobs) {
            let page = Array(jobs[start..<min(start + Self.pageJobs, jobs.count)])
            let known = try await queue.status(of: page)
            if known.count < Set(page).count, let missing = page.first(where: { id in !known.contains { $0.id == id } })
            {
                throw CommandFailure(
                    .noInput, "There is no job \(missing).", fix: "`sluice jobs list` shows the newest.")
            }
            for status in known {
                if status.state.isTerminal { found[status.id] = status } else { rest.append(status.id) }
            }
        }
        return rest
    }

    private func overdue(_ jobs: [Int64]) -> CommandFailure {
        let listed = jobs.prefix(5).map(String.init).joined(separator: " ")
        return CommandFailure(
            .temporary,
            jobs.count == 1
                ? "Job \(jobs[0]) has not ended in time; it goes on."
                : "\(jobs.count) jobs have not ended in time; they go on.",
            fix: "Wait on with `sluice jobs wait \(listed)\(jobs.count > 5 ? " …" : "")`.")
    }
}
