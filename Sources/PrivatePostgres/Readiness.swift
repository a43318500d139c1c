import Synchronization

/// Tells any number of waiters that the server is ready, or why it never will be. Settled once: a later server's end does
/// not take a readiness back.
final class Readiness: Sendable {
    private enum State {
        case waiting([Int: CheckedContinuation<ServerAddress, any Error>], nextID: Int)
        case settled(Result<ServerAddress, any Error>)
    }

    private let state = Mutex(State.waiting([:], nextID: 0))

    /// Settles the wait. A second call is ignored.
    func settle(_ result: Result<ServerAddress, any Error>) {
        let waiters = state.withLock { state -> [CheckedContinuation<ServerAddress, any Error>] in
            guard case .waiting(let waiters, _) = state else { return [] }
            state = .settled(result)
            return Array(waiters.values)
        }
        for waiter in waiters { waiter.resume(with: result) }
    }

    /// Waits for the server. Returns or throws at once when it is settled; throws `CancellationError` when cancelled.
    func wait() async throws -> ServerAddress {
        let id = state.withLock { state -> Int in
            guard case .waiting(let waiters, let id) = state else { return 0 }
            state = .waiting(waiters, nextID: id + 1)
            return id
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enter(id, continuation)
            }
        } onCancel: {
            leave(id)
        }
    }

    private func enter(_ id: Int, _ continuation: CheckedContinuation<ServerAddress, any Error>) {
        let result = state.withLock { state -> Result<ServerAddress, any Error>? in
            guard case .waiting(var waiters, let nextID) = state else {
                guard case .settled(let result) = state else { return nil }
                return result
            }
            // The cancellation handler may have run before there was anything to resume.
            guard !Task.isCancelled else { return .failure(CancellationError()) }
            waiters[id] = continuation
            state = .waiting(waiters, nextID: nextID)
            return nil
        }
        if let result { continuation.resume(with: result) }
    }

    private func leave(_ id: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<ServerAddress, any Error>? in
            guard case .waiting(var waiters, let nextID) = state else { return nil }
            let waiter = waiters.removeValue(forKey: id)
            state = .waiting(waiters, nextID: nextID)
            return waiter
        }
        waiter?.resume(throwing: CancellationError())
    }
}
