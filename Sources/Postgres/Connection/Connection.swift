package import Logging
internal import Synchronization

/// One connection to a server, shared by any number of tasks.
///
/// Calls of different tasks are pipelined: each is a group of its own, in a transaction of its own, so that an error
/// touches nobody else, and they run in the order they were made. A `transaction`, a script or a COPY has the connection to
/// itself; the calls of others wait until it ends.
///
/// A connection does not come back once it is lost: every waiting call fails, and `waitUntilClosed` returns. `Pool` makes new
/// ones. It is closed when nobody holds it any more.
package final class Connection: Sendable {
    /// Closes the connection when its last handle goes.
    final class Life: Sendable {
        let core: LoopBound<ConnectionCore>
        let flags: ConnectionFlags
        let configuration: ConnectionConfiguration
        let notifications: AsyncStream<Notification>
        let backendProcessID: Int32
        let serverVersion: Int

        init(
            _ core: LoopBound<ConnectionCore>,
            _ flags: ConnectionFlags,
            _ configuration: ConnectionConfiguration,
            _ notifications: AsyncStream<Notification>,
            _ backendProcessID: Int32,
            _ serverVersion: Int
        ) {
            self.core = core
            self.flags = flags
            self.configuration = configuration
            self.notifications = notifications
            self.backendProcessID = backendProcessID
            self.serverVersion = serverVersion
        }

        deinit {
            let core = core
            core.loop.perform { core.value.lose(nil) }
        }
    }

    let life: Life
    /// The transaction this handle belongs to; 0 outside of one.
    let scope: UInt64

    init(_ life: Life, scope: UInt64) {
        self.life = life
        self.scope = scope
    }

    var core: LoopBound<ConnectionCore> { life.core }
    var loop: EventLoop { life.core.loop }

    /// Connects, trying the configured hosts in turn.
    ///
    /// Throws `.connectionFailed` with the server's or the system's reason (and `sqlState` when it was the server's),
    /// `.timedOut`, or `.cancelled`.
    package static func connect(
        _ configuration: ConnectionConfiguration,
        on loop: EventLoop = .shared,
        logger: Logger
    ) async throws(PostgresError) -> Connection {
        let libpq = try await ConnectionAttempt.connect(configuration)
        let flags = ConnectionFlags()
        let (stream, notifications) = AsyncStream.makeStream(
            of: Notification.self,
            bufferingPolicy: .bufferingNewest(max(1, configuration.maximumBufferedNotifications))
        )
        let (process, version) = (libpq.backendProcessID, libpq.serverVersion)
        let core = await unsafe withUnsafeContinuation {
            (continuation: UnsafeContinuation<LoopBound<ConnectionCore>, Never>) in
            loop.perform {
                let core = ConnectionCore(libpq, configuration, loop, flags, notifications, logger)
                unsafe continuation.resume(returning: LoopBound(core, to: loop))
            }
        }
        logger.debug("connected", metadata: ["postgres.process": "\(process)", "postgres.version": "\(version)"])
        return Connection(Life(core, flags, configuration, stream, process, version), scope: 0)
    }

    /// Whether calls can still be made.
    ///
    /// May be out of date at once.
    package var isOpen: Bool { life.flags.isOpen.load(ordering: .relaxed) }
    /// The server process that serves this connection (through a pooler: the pooler's invention).
    package var backendProcessID: Int32 { life.backendProcessID }
    /// The server's version as libpq numbers it: 150018 is 15.18.
    package var serverVersion: Int { life.serverVersion }
    /// What the connection was made with.
    package var configuration: ConnectionConfiguration { life.configuration }

    /// What the server last reported of one of its settings (`TimeZone`, `in_hot_standby`, …), or nil when it does not
    /// report that one.
    package func parameterStatus(_ name: String) async -> String? {
        let core = core
        return await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<String?, Never>) in
            core.loop.perform { unsafe continuation.resume(returning: core.value.libpq?.parameterStatus(name)) }
        }
    }

    // MARK: Queries

    /// Runs `statement` and returns its rows.
    ///
    /// When the caller's task is cancelled, a call that still waits fails at once; one the server works on is stopped
    /// there, and throws `.cancelled` unless it had already succeeded, in which case its rows are returned.
    ///
    /// Throws `.server` with the SQLSTATE, `.connectionLost`, `.timedOut`, `.cancelled`, `.tooManyPending`,
    /// `.notSupported`.
    package func query(
        _ statement: Statement,
        _ parameters: Parameters = Parameters()
    ) async throws(PostgresError) -> Rows {
        if let excess = parameters.excess { throw excess.named(statement.name) }
        let request = Request(.query(statement, parameters), scope: scope)
        guard case .rows(let result) = try await answer(to: request) else { throw Self.confused }
        return Rows(result)
    }

    /// Runs the statements of `script`, separated by semicolons, without parameters, in one transaction unless it says
    /// otherwise.
    ///
    /// Rows are dropped. Everything else on this connection waits meanwhile.
    ///
    /// A script that leaves a transaction open has it rolled back and fails with `.notSupported`. Throws like `query`.
    package func execute(script: String) async throws(PostgresError) {
        guard !script.utf8.contains(0) else {
            throw PostgresError(.notSupported, "a script cannot contain a NUL byte", queryName: "script")
        }
        _ = try await answer(to: Request(.script(script), scope: scope))
    }

    // MARK: Notifications

    /// The notifications of every channel this connection listens to, for one reader.
    ///
    /// At most `maximumBufferedNotifications` are kept; beyond that the oldest is dropped and counted in the
    /// `droppedSoFar` of the next. Ends when the connection does.
    package var notifications: AsyncStream<Notification> { life.notifications }

    /// Subscribes to `channel`.
    ///
    /// `.notSupported` through a transaction pooler.
    package func listen(_ channel: String) async throws(PostgresError) {
        try await subscribe("LISTEN", channel)
    }

    /// Ends the subscription to `channel`, if there is one.
    package func unlisten(_ channel: String) async throws(PostgresError) {
        try await subscribe("UNLISTEN", channel)
    }

    private func subscribe(_ verb: String, _ channel: String) async throws(PostgresError) {
        guard configuration.pooler == .none else {
            throw PostgresError(.notSupported, "\(verb) does not work through a transaction pooler")
        }
        guard !channel.isEmpty, !channel.utf8.contains(0), channel.utf8.count < 64 else {
            throw PostgresError(.notSupported, "a channel's name has 1 to 63 bytes and no NUL")
        }
        let quoted = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        // Without a scope's line to wait in, it would be part of nobody's transaction.
        try await execute(script: "\(verb) \"\(quoted)\"")
    }

    // MARK: Ending

    /// Ends the connection now.
    ///
    /// Calls that wait fail with `.connectionLost`. Closing twice is no error.
    package func close() {
        let core = core
        core.loop.perform { core.value.lose(nil) }
    }

    /// Returns when the connection has ended, with the reason, or nil when it was closed by `close` or the caller's task
    /// was cancelled.
    package func waitUntilClosed() async -> PostgresError? {
        let core = core
        let waiter = CloseWaiter()
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<PostgresError?, Never>) in
                unsafe waiter.continuation = continuation
                core.loop.perform { core.value.add(waiter) }
            }
        } onCancel: {
            waiter.isCancelled.store(true, ordering: .relaxed)
            core.loop.perform { core.value.remove(waiter) }
        }
    }

    // MARK: Calls

    static let confused = PostgresError(.notSupported, "the answer does not belong to the call")

    /// Hands `request` to the loop and waits for what comes back.
    func answer(to request: Request) async throws(PostgresError) -> Request.Answer {
        let core = core
        let outcome = await withTaskCancellationHandler {
            await send(request)
        } onCancel: {
            request.isCancelled.store(true, ordering: .relaxed)
            core.loop.perform { core.value.cancel(request) }
        }
        return try outcome.get()
    }

    /// The same, for what has to be done although the caller's task may be cancelled.
    func answerRegardless(to request: Request) async throws(PostgresError) -> Request.Answer {
        try await send(request).get()
    }

    private func send(_ request: Request) async -> Request.Outcome {
        let core = core
        return await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Request.Outcome, Never>) in
            unsafe request.continuation = continuation
            if core.loop.isCurrent {
                core.value.submit(request)
            } else {
                core.loop.post(.call { core.value.submit(request) })
            }
        }
    }
}

/// Somebody who waits for the end of a connection.
@safe
final class CloseWaiter: @unchecked Sendable {
    let isCancelled = Atomic<Bool>(false)
    /// Set before the waiter is handed to the loop, and for the loop only from then on.
    var continuation: UnsafeContinuation<PostgresError?, Never>?

    func resume(_ reason: PostgresError?) {
        guard let waiting = unsafe continuation else { return }
        unsafe continuation = nil
        unsafe waiting.resume(returning: reason)
    }
}

extension ConnectionCore {
    func add(_ waiter: CloseWaiter) {
        if libpq == nil || waiter.isCancelled.load(ordering: .relaxed) {
            waiter.resume(libpq == nil ? closeReason : nil)
        } else {
            closeWaiters[ObjectIdentifier(waiter)] = waiter
        }
    }

    func remove(_ waiter: CloseWaiter) {
        closeWaiters.removeValue(forKey: ObjectIdentifier(waiter))?.resume(nil)
    }
}
