import Logging
import Postgres
import Queue
import Synchronization

/// The worker's one connection, made anew whenever it is lost.
///
/// Calls while it is away fail as `connectionLost`; whoever must not give up waits for `restored` and calls again.
final class DatabaseLink: StatementRunner {
    private struct State {
        var connection: Connection?
        var waiters: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    func query(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> Rows {
        guard let connection = state.withLock({ $0.connection }) else {
            throw PostgresError(.connectionLost, "The connection to the database is being made anew.")
        }
        do {
            return try await connection.query(statement, parameters)
        } catch {
            // Its keeper may hear of it later than whoever tries again at once, on the thread the keeper needs for that.
            if error.code == .connectionLost { lost(connection) }
            throw error
        }
    }

    /// Whether no connection will be made any more.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Calls go to `connection` from now on.
    func restored(_ connection: Connection) {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            state.connection = connection
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// `connection` is gone.
    func lost(_ connection: Connection) {
        state.withLock { if $0.connection === connection { $0.connection = nil } }
    }

    /// Releases everybody who waits, and will wait, for the end of the worker.
    func close() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            state.isClosed = true
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Closes the current connection, so that the next one takes up what the database thinks we hold.
    func doubted() {
        let connection = state.withLock { state in
            defer { state.connection = nil }
            return state.connection
        }
        connection?.close()
    }

    /// Calls `body` until it has not failed for want of a connection, which is waited for. Whatever it does may happen twice.
    func persistently<Value: Sendable>(
        _ body: () async throws(QueueError) -> Value
    ) async throws(QueueError) -> Value {
        while true {
            do {
                return try await body()
            } catch {
                guard error.cause?.code == .connectionLost, !isClosed, !Task.isCancelled else { throw error }
            }
            await whenRestored()
        }
    }

    /// Returns when there is a connection, or when the link is closed.
    func whenRestored() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.connection != nil || state.isClosed { return true }
                state.waiters.append(continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
