internal import CLinux
internal import Synchronization

/// Stopping what the server does.
///
/// The protocol's cancellation names a connection, not a statement: it stops whatever runs when it arrives. So it is sent
/// only when the call to be stopped is the one running, nothing new is sent until it has been delivered, and a
/// neighbour in the pipeline that it hits after all is sent again: its group was rolled back, hence nothing of it
/// happened. (Statements that commit on their own, such as VACUUM, may not be run again safely in theory; being stopped
/// and restarted is harmless to them too.) Inside a transaction nobody is a neighbour.
extension ConnectionCore {
    static func cancelled(_ request: Request) -> PostgresError {
        PostgresError(.cancelled, "the call was cancelled", queryName: request.name)
    }

    /// The caller's task was cancelled.
    func cancel(_ request: Request) {
        guard unsafe request.continuation != nil, libpq != nil else { return }
        if request === sent.first || request === simple {
            // Its answer is awaited, for a moment: it may have succeeded, and then its caller should know.
            request.graceTimer = loop.schedule(after: .seconds(5)) { request.resume(.failure(Self.cancelled(request))) }
            stopRunning()
        } else {
            request.resume(.failure(Self.cancelled(request)))
        }
    }

    /// Another request is the one the server works on now, or none.
    func headChanged() {
        guard let head = sent.first else { return }
        head.startedAt = loop.now
        if head.isCancelled.load(ordering: .relaxed) { stopRunning() }
        guard watchdog == nil, let limits = configuration.watchdog else { return }
        watchdog = loop.schedule(after: limits.cancel ?? limits.abandon) { self.watch(limits) }
    }

    private func watch(_ limits: (cancel: Duration?, abandon: Duration)) {
        watchdog = nil
        guard let head = sent.first else { return }
        let age = Duration.nanoseconds(loop.now - head.startedAt)
        guard age < limits.abandon else {
            lose("the server did not answer within \(limits.abandon)", code: .timedOut)
            return
        }
        var next = limits.abandon
        if let limit = limits.cancel {
            if age < limit {
                next = limit
            } else if !head.ranTooLong {
                head.ranTooLong = true
                stopRunning()
            }
        }
        watchdog = loop.schedule(after: next - age) { self.watch(limits) }
    }

    /// Whether what the server runs now is to be stopped.
    private var isRunningUnwanted: Bool {
        guard let running = simple ?? sent.first else { return false }
        return running.isCancelled.load(ordering: .relaxed) || running.ranTooLong || running.copy?.phase == .discarding
    }

    func stopRunning() {
        guard !isCancelling, let cancellation = libpq?.makeCancellation() else { return }
        isCancelling = true
        isHeld = true
        // A cancellation that cannot be delivered must not hold up the others for long.
        holdTimer = loop.schedule(after: .seconds(1)) { self.release() }
        let core = LoopBound(self, to: loop)
        let job = CancellationJob(cancellation) { core.loop.perform { core.value.cancellationEnded() } }
        job.start()
    }

    private func release() {
        isHeld = false
        pump()
    }

    /// The server has the request.
    ///
    /// It takes effect on what was running until now, if on anything.
    private func cancellationEnded() {
        isCancelling = false
        holdTimer.map(loop.cancelTimer)
        suspectedUntil = lastNumber
        guard libpq != nil else { return }
        release()
        guard isRunningUnwanted else { return }
        // It may have come too early, before the server had begun: ask again while it matters.
        let running = simple ?? sent.first
        _ = loop.schedule(after: .milliseconds(100)) {
            guard self.libpq != nil, running === self.simple ?? self.sent.first, self.isRunningUnwanted else { return }
            self.stopRunning()
        }
    }

    /// Whether `request` failed only because a cancellation meant for another call hit it.
    func mustResend(_ request: Request, _ error: PostgresError) -> Bool {
        guard error.sqlState == "57014", isCancelling || request.number <= suspectedUntil else { return false }
        guard !request.isCancelled.load(ordering: .relaxed), !request.ranTooLong, !isOverServerLimit(request) else {
            return false
        }
        return admission.depth == 0 && request.resent < 3
    }

    /// `error` as its caller should see it: a stopped statement was cancelled, or took too long.
    func explained(_ error: PostgresError, of request: Request) -> PostgresError {
        guard error.sqlState == "57014" else { return error }
        if request.ranTooLong || !request.isCancelled.load(ordering: .relaxed) && isOverServerLimit(request) {
            let limit = configuration.statementTimeout.map { " of \($0)" } ?? ""
            return PostgresError(
                .timedOut,
                "the statement took longer than its limit\(limit)",
                sqlState: error.sqlState,
                queryName: request.name
            )
        }
        return request.isCancelled.load(ordering: .relaxed) ? Self.cancelled(request) : error
    }

    /// The server's two reasons for 57014 differ only in a translated text, so the time tells which it was.
    private func isOverServerLimit(_ request: Request) -> Bool {
        guard let limit = configuration.statementTimeout, configuration.pooler == .none else { return false }
        return loop.now - request.startedAt >= limit.nanoseconds / 10 * 9
    }
}

/// Delivers one cancellation on a thread of its own, since libpq blocks while it does.
///
/// A connection has one at a time.
private final class CancellationJob: Sendable {
    private let cancellation: Cancellation
    private let ended: @Sendable () -> Void

    init(_ cancellation: Cancellation, _ ended: @escaping @Sendable () -> Void) {
        self.cancellation = cancellation
        self.ended = ended
    }

    func start() {
        let retained = unsafe Unmanaged.passRetained(self).toOpaque()
        let failure = unsafe linux_thread_start(
            "postgres-cancel",
            { pointer in
                guard let pointer = unsafe pointer else { return }
                unsafe Unmanaged<CancellationJob>.fromOpaque(pointer).takeRetainedValue().run()
            },
            retained
        )
        guard failure != 0 else { return }
        unsafe Unmanaged<CancellationJob>.fromOpaque(retained).release()
        ended()
    }

    private func run() {
        // A refused cancellation changes nothing: whoever wants the statement stopped asks again.
        _ = cancellation.send()
        ended()
    }
}
