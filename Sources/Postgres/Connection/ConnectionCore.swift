internal import DequeModule
internal import Logging
internal import Synchronization

/// What a connection and its loop share and anybody may look at.
final class ConnectionFlags: Sendable {
    let isOpen = Atomic<Bool>(true)
}

/// The part of a connection that lives on its loop: sends what `Admission` lets through, and gives each answer to the
/// call it belongs to.
///
/// Touched on the loop's thread only.
///
/// In pipeline mode every query is a group with its own sync: the server runs them in order, each in a transaction of its
/// own unless one is open, so that one's error is nobody else's.
@safe
final class ConnectionCore: ReadinessHandler {
    let configuration: ConnectionConfiguration
    let loop: EventLoop
    let token: EventLoop.Token
    let logger: Logger
    let flags: ConnectionFlags
    /// Nil once the connection is over.
    var libpq: LibPQ?
    var admission: Admission<Request>
    var prepared: PreparedStatements
    /// Pipelined requests the server has not answered completely, oldest first.
    var sent: Deque<Request> = []
    /// The request that has the connection out of pipeline mode.
    var simple: Request?
    var lastNumber: UInt64 = 0

    /// Whether libpq has bytes the socket would not take.
    var isBlocked = false
    var isDirty = false
    /// Whether the kernel keeps what is written until the burst ends.
    private var isHeldBack = false
    /// Whether the owner of a COPY wants no more data for now.
    var isReadingPaused = false
    private var watched: (readable: Bool, writable: Bool)?

    // Cancelling: see ConnectionCore+Cancelling.
    /// A request to stop the running statement is on its way; nothing new is sent meanwhile, since it could be hit.
    var isHeld = false
    var isCancelling = false
    var holdTimer: EventLoop.Token?
    /// The last request that a cancellation meant for another may have hit.
    var suspectedUntil: UInt64 = 0
    var watchdog: EventLoop.Token?

    var closeWaiters: [ObjectIdentifier: CloseWaiter] = [:]
    private(set) var closeReason: PostgresError?
    let notifications: AsyncStream<Notification>.Continuation
    private var droppedNotifications = 0

    init(
        _ libpq: LibPQ,
        _ configuration: ConnectionConfiguration,
        _ loop: EventLoop,
        _ flags: ConnectionFlags,
        _ notifications: AsyncStream<Notification>.Continuation,
        _ logger: Logger
    ) {
        self.libpq = libpq
        self.configuration = configuration
        self.loop = loop
        self.flags = flags
        self.notifications = notifications
        self.logger = logger
        token = loop.makeToken()
        admission = Admission(
            window: configuration.maximumPipelinedQueries,
            maximumWaiting: configuration.maximumWaitingQueries
        )
        prepared = PreparedStatements(
            maximum: configuration.pooler == .transaction ? 0 : configuration.maximumPreparedStatements
        )
        updateInterest()
    }

    // MARK: Sending

    func submit(_ request: Request) {
        guard libpq != nil else {
            request.resume(.failure(lostError(for: request)))
            return
        }
        if request.isCancelled.load(ordering: .relaxed) {
            request.resume(.failure(Self.cancelled(request)))
            return
        }
        switch admission.arrived(request, in: request.scope, isOpen: isOpen(for: request)) {
        case .start: start(request)
        case .wait: break
        case .refuse:
            request.resume(
                .failure(
                    PostgresError(
                        .tooManyPending,
                        "\(configuration.maximumWaitingQueries) calls already wait for this connection",
                        queryName: request.name
                    )
                )
            )
        case .outOfScope:
            request.resume(
                .failure(
                    PostgresError(
                        .notSupported,
                        "a connection was used after its transaction had ended",
                        queryName: request.name
                    )
                )
            )
        }
        // An opened scope takes no room in the pipeline: the next in line may go.
        if case .openScope = request.work { pump() }
    }

    private func isOpen(for request: Request) -> Bool {
        guard !isBlocked, !isHeld, simple == nil else { return false }
        return request.isSimple ? sent.isEmpty : true
    }

    /// Sends what waits and may be sent now.
    func pump() {
        while libpq != nil, let request = admission.next({ isOpen(for: $0) }) { start(request) }
    }

    private func start(_ request: Request) {
        // Cancelled while it waited: its caller has gone.
        if unsafe request.continuation == nil, request.isCancelled.load(ordering: .relaxed) {
            admission.finished()
            return
        }
        switch request.work {
        case .query(let statement, let parameters): send(request, statement, parameters)
        case .deallocate(_, let name, _): sendDeallocate(request, name)
        case .openScope:
            admission.finished()
            let scope = admission.opened()
            request.resume(.success(.scope(scope)))
        case .script(let sql), .copyIn(let sql), .copyOut(let sql): startSimple(request, sql)
        }
    }

    private func send(_ request: Request, _ statement: Statement, _ parameters: borrowing Parameters) {
        guard let libpq else { return }
        let isSent: Bool
        switch prepared.choose(statement, parameters) {
        case .prepared(let name):
            isSent = libpq.sendPrepared(name, parameters)
        case .unnamed:
            isSent = libpq.sendUnnamed(statement.sql, parameters)
        case .prepare(let name, let evicted):
            if let (old, entry) = evicted {
                let deallocation = Request(.deallocate(old, name: entry.name, entry), scope: request.scope)
                admission.startedInternally()
                sendDeallocate(deallocation, entry.name)
            }
            request.isPreparing = true
            isSent =
                libpq.prepare(name, statement, parameters.types) && libpq.sendPrepared(name, parameters)
        }
        guard isSent, libpq.sync() else {
            admission.finished()
            lose(libpq.errorMessage, alsoFailing: request)
            return
        }
        enqueue(request)
        // Keeps what libpq buffers in memory bounded: a large value is pushed out before the next is taken.
        if parameters.writer.bytes.count > 65_536 { flush() }
    }

    private func sendDeallocate(_ request: Request, _ name: String) {
        guard let libpq else { return }
        guard libpq.sendUnnamed("DEALLOCATE \(name)", Parameters()), libpq.sync() else {
            admission.finished()
            lose(libpq.errorMessage)
            return
        }
        enqueue(request)
    }

    private func enqueue(_ request: Request) {
        lastNumber += 1
        request.number = lastNumber
        sent.append(request)
        if sent.count == 1 { headChanged() }
        // The first of a burst goes out at once; those after it go together.
        if isDirty, !isHeldBack {
            isHeldBack = true
            libpq?.holdBack(true)
        }
        markDirty()
    }

    func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        loop.tellWhenBurstEnds(self)
    }

    func burstEnded() {
        isDirty = false
        flush()
        // A COPY the server has refused was answered before its end was sent: no readiness will tell.
        if simple?.copy?.phase == .ending {
            takeReplies()
            if let libpq, libpq.status == .failed { lose(libpq.errorMessage) }
        }
        guard isHeldBack else { return }
        isHeldBack = false
        libpq?.holdBack(false)
    }

    /// Writes what is buffered, and lets the line move on when there is room again.
    func flush() {
        guard let libpq else { return }
        guard let isBlocked = libpq.flush() else {
            // What the server said before it went is still to be read: it says why.
            _ = libpq.receive()
            takeReplies()
            lose(libpq.errorMessage)
            return
        }
        let wasBlocked = self.isBlocked
        self.isBlocked = isBlocked
        updateInterest()
        if wasBlocked, !isBlocked {
            continueCopy()
            pump()
        }
    }

    func updateInterest() {
        guard let libpq else { return }
        let wanted = (readable: !isReadingPaused, writable: isBlocked)
        if let watched, watched == wanted { return }
        watched = wanted
        let failure = loop.watch(libpq.socket, token, readable: wanted.readable, writable: wanted.writable, self)
        if failure != 0 { lose("the socket cannot be watched (errno \(failure))") }
    }

    // MARK: Receiving

    func becameReady(readable: Bool, writable: Bool) {
        guard let libpq else { return }
        if writable { flush() }
        guard readable else { return }
        let isAlive = libpq.receive()
        takeReplies()
        deliverNotifications()
        guard isAlive, self.libpq != nil, libpq.status == .ok else {
            lose(libpq.errorMessage)
            return
        }
        pump()
    }

    func takeReplies() {
        // libpq answers "nothing" between two commands; twice in a row means that there is nothing.
        var nothing = 0
        while nothing < 2, let libpq {
            if simple != nil {
                guard takeSimpleReply() else { break }
                continue
            }
            guard let head = sent.first, !libpq.isBusy else { break }
            let reply = libpq.nextReply(for: head.statement)
            if case .none = reply { nothing += 1 } else { nothing = 0 }
            take(reply, for: head)
        }
    }

    private func take(_ reply: LibPQ.Reply, for head: Request) {
        switch reply {
        case .none, .skipped: break
        case .done(let result):
            if head.isPreparing, let statement = head.statement {
                head.isPreparing = false
                prepared.answered(statement, isReady: true)
            } else {
                head.rows = result
            }
        case .failed(let error):
            if head.isPreparing, let statement = head.statement {
                head.isPreparing = false
                prepared.answered(statement, isReady: false)
            }
            head.error = head.error ?? error
        case .sync:
            sent.removeFirst()
            finish(head)
        case .copyIn, .copyOut:
            lose("COPY was sent as a query; use copyIn or copyOut")
        }
    }

    /// The server is done with `request`, and with whatever it did: its transaction is committed or rolled back.
    private func finish(_ request: Request) {
        if let error = request.error, mustResend(request, error) {
            request.error = nil
            request.rows = nil
            request.resent += 1
            admission.returned(request)
            headChanged()
            return
        }
        admission.finished()
        if case .deallocate(let statement, _, let entry) = request.work, request.error != nil {
            prepared.kept(statement, entry)
        }
        request.graceTimer.map(loop.cancelTimer)
        if let error = request.error {
            request.resume(.failure(explained(error, of: request)))
        } else if let rows = request.rows {
            request.resume(.success(.rows(rows)))
        } else {
            request.resume(.failure(PostgresError(.server, "the server gave no answer", queryName: request.name)))
        }
        headChanged()
    }

    private func deliverNotifications() {
        while let libpq, var notification = libpq.nextNotification() {
            notification.droppedSoFar = droppedNotifications
            if case .dropped = notifications.yield(notification) { droppedNotifications += 1 }
        }
        guard let libpq, !libpq.notices.received.isEmpty else { return }
        for notice in libpq.notices.received {
            // Their texts can quote data, so that they stay out of the log.
            logger.debug(
                "the server sent a notice",
                metadata: ["postgres.severity": "\(notice.severity)", "postgres.sqlstate": "\(notice.sqlState)"]
            )
        }
        libpq.notices.received.removeAll()
    }

    // MARK: Ending

    /// Ends the connection, because `message` says so or, when it is nil, because somebody asked.
    func lose(_ message: String?, alsoFailing extra: Request? = nil, code: PostgresError.Code = .connectionLost) {
        guard let libpq else { return }
        var failed = Array(sent)
        if let extra { failed.append(extra) }
        if let simple { failed.append(simple) }
        failed += admission.removeAll()
        // A refusal to go on, such as 57P01, may have been the answer to the call that was running.
        let last = failed.compactMap(\.error).first { $0.sqlState?.hasPrefix("57P") ?? false }
        if let message {
            let said = libpq.notices.fatalMessage ?? last?.serverMessage
            let state = libpq.notices.fatalSQLState ?? last?.sqlState
            let text = said ?? ConnectionFailure(configuration.redact(message)).sentence
            closeReason = PostgresError(code, "the connection was lost: \(text)", sqlState: state, serverMessage: said)
        }
        self.libpq = nil
        flags.isOpen.store(false, ordering: .relaxed)
        loop.unwatch(libpq.socket, token)
        sent.removeAll()
        simple = nil
        for timer in [watchdog, holdTimer] { timer.map(loop.cancelTimer) }
        for request in failed {
            let error = lostError(for: request)
            request.graceTimer.map(loop.cancelTimer)
            request.resume(.failure(error))
            request.copy?.ended(.failure(error))
        }
        let waiters = closeWaiters
        closeWaiters.removeAll()
        for waiter in waiters.values { waiter.resume(closeReason) }
        notifications.finish()
        logger.debug(
            "a connection ended",
            metadata: ["postgres.reason": "\(closeReason.map(\.description) ?? "closed")"]
        )
    }

    func lostError(for request: Request) -> PostgresError {
        let error = closeReason ?? PostgresError(.connectionLost, "the connection is closed")
        return request.name.map(error.named) ?? error
    }
}
