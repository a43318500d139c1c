import Queue
import Synchronization

/// What runs and waits, as the database had it a moment ago: it is asked for without a key, and counts every job that waits.
final class OverviewBook: Sendable {
    private typealias Outcome = Result<[DeploymentOverview], QueueError>

    private struct State {
        var rows: [DeploymentOverview]?
        var until = ContinuousClock.now
        var isReading = false
        var waiting: [CheckedContinuation<Outcome?, Never>] = []
    }

    /// How long an answer of the database is believed.
    static let memory = Duration.seconds(1)

    private let memory: Duration
    private let read: @Sendable () async throws(QueueError) -> [DeploymentOverview]
    private let state = Mutex(State())

    /// What `read` says, for `memory`.
    init(
        memory: Duration = OverviewBook.memory,
        read: @escaping @Sendable () async throws(QueueError) -> [DeploymentOverview]
    ) {
        (self.memory, self.read) = (memory, read)
    }

    private enum Step {
        case known([DeploymentOverview])
        case read
        case wait
    }

    /// The rows of `sluice.overview()`. One reads them, for all who ask meanwhile.
    func rows() async throws(QueueError) -> [DeploymentOverview] {
        while true {
            switch next() {
            case .known(let rows): return rows
            case .read: return try await readAll().get()
            case .wait:
                let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<Outcome?, Never>) in
                    let isOver = state.withLock { state in
                        if state.isReading { state.waiting.append(continuation) }
                        return !state.isReading
                    }
                    if isOver { continuation.resume(returning: nil) }
                }
                if let outcome { return try outcome.get() }
            }
        }
    }

    private func next() -> Step {
        state.withLock { state in
            if let rows = state.rows, state.until > .now { return .known(rows) }
            defer { state.isReading = true }
            return state.isReading ? .wait : .read
        }
    }

    private func readAll() async -> Outcome {
        let outcome: Outcome
        do { outcome = .success(try await read()) } catch { outcome = .failure(error) }
        let waiting = state.withLock { state in
            if case .success(let rows) = outcome { (state.rows, state.until) = (rows, .now + memory) }
            defer { (state.isReading, state.waiting) = (false, []) }
            return state.waiting
        }
        for waiter in waiting { waiter.resume(returning: outcome) }
        return outcome
    }
}
