/// How much a transaction sees of others.
package enum IsolationLevel: String, Sendable, Hashable, CaseIterable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

extension Connection {
    /// Runs `body` in a transaction, with the connection to itself: what other tasks ask of this connection waits.
    ///
    /// Commits when `body` returns, rolls back when it throws or its task is cancelled. `body` must use the connection it
    /// is given: waiting for a call on the outer one would be waiting for itself. That connection is of no use after
    /// `body`. Inside a transaction this makes a savepoint, and `isolation` is ignored.
    ///
    /// Throws what `body` throws; `.server` with SQLSTATE 25P02 when `body` returned although a statement had failed, so
    /// that nothing was committed; `.connectionLost` during the commit leaves its outcome unknown.
    package func transaction<T>(
        isolation: IsolationLevel? = nil,
        _ body: (Connection) async throws -> T
    ) async throws -> T {
        let (begin, commit, rollback): (Statement, Statement, [Statement])
        if scope == 0 {
            begin = isolation.map(Verbs.begin) ?? Verbs.begin
            (commit, rollback) = (Verbs.commit, [Verbs.rollback])
        } else {
            // Savepoints of one name shadow each other, innermost first, as nesting wants it.
            (begin, commit, rollback) = (Verbs.savepoint, Verbs.release, [Verbs.rollbackToSavepoint, Verbs.release])
        }
        let inner = try await openScope()
        defer { inner.endScope() }
        do {
            _ = try await inner.query(begin)
        } catch {
            // Stopped in the middle, it may or may not have begun.
            if error.code == .cancelled || error.code == .timedOut { await inner.finish(rollback) }
            throw error
        }
        let value: T
        do {
            value = try await body(inner)
            try Task.checkCancellation()
        } catch {
            await inner.finish(rollback)
            if error is CancellationError { throw PostgresError(.cancelled, "the transaction was cancelled") }
            throw error
        }
        let request = Request(.query(commit, Parameters()), scope: inner.scope)
        do {
            guard case .rows(let result) = try await inner.answerRegardless(to: request) else { throw Self.confused }
            guard result.commandTag != "ROLLBACK" else {
                throw PostgresError(
                    .server,
                    "nothing was committed, because a statement of the transaction had failed",
                    sqlState: "25P02"
                )
            }
        } catch {
            if scope != 0 { await inner.finish(rollback) }
            throw error
        }
        return value
    }

    /// Waits until everything before has been sent, and returns the handle to which the connection belongs from then on.
    private func openScope() async throws(PostgresError) -> Connection {
        guard case .scope(let scope) = try await answer(to: Request(.openScope, scope: scope)) else {
            throw Self.confused
        }
        return Connection(life, scope: scope)
    }

    private func endScope() {
        let (core, scope) = (core, scope)
        core.loop.perform { core.value.endScope(scope) }
    }

    /// Runs `statements` whatever has happened; a connection on which they fail is in nobody knows what state, and closed.
    private func finish(_ statements: [Statement]) async {
        for statement in statements {
            do {
                _ = try await answerRegardless(to: Request(.query(statement, Parameters()), scope: scope))
            } catch {
                let (core, text) = (core, "\(statement.name) failed")
                core.loop.perform { core.value.lose(text) }
                return
            }
        }
    }
}

extension ConnectionCore {
    func endScope(_ scope: UInt64) {
        for orphan in admission.closed(scope) {
            orphan.resume(
                .failure(
                    PostgresError(.notSupported, "the call outlived its transaction", queryName: orphan.name)
                )
            )
        }
        pump()
    }
}

/// The statements transactions are made of.
private enum Verbs {
    static let begin = Statement("begin", "BEGIN")
    static let commit = Statement("commit", "COMMIT")
    static let rollback = Statement("rollback", "ROLLBACK")
    static let savepoint = Statement("savepoint", "SAVEPOINT nested")
    static let release = Statement("release", "RELEASE SAVEPOINT nested")
    static let rollbackToSavepoint = Statement("rollback_to", "ROLLBACK TO SAVEPOINT nested")

    static func begin(_ level: IsolationLevel) -> Statement {
        switch level {
        case .readCommitted: beginReadCommitted
        case .repeatableRead: beginRepeatableRead
        case .serializable: beginSerializable
        }
    }

    private static let beginReadCommitted = Statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
    private static let beginRepeatableRead = Statement("begin", "BEGIN ISOLATION LEVEL REPEATABLE READ")
    private static let beginSerializable = Statement("begin", "BEGIN ISOLATION LEVEL SERIALIZABLE")
}
