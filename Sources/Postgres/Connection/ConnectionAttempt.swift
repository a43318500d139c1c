internal import CPostgres

/// Makes one connection without blocking its callers: drives libpq's connecting steps on the connecting loop.
@safe
final class ConnectionAttempt: ReadinessHandler {
    typealias Outcome = Result<LibPQ, PostgresError>

    private let configuration: ConnectionConfiguration
    private let loop: EventLoop
    private let token: EventLoop.Token
    private var settings: [(String, String)]
    private var libpq: LibPQ?
    private var watched: Int32 = -1
    private var timer: EventLoop.Token?
    private var host = ""
    private var continuation: UnsafeContinuation<Outcome, Never>?

    private init(_ configuration: ConnectionConfiguration, _ loop: EventLoop) {
        self.configuration = configuration
        self.loop = loop
        settings = configuration.connectionSettings()
        token = loop.makeToken()
    }

    /// Connects to the first of the configured hosts that will have us.
    ///
    /// Throws `.connectionFailed`, `.timedOut` or `.cancelled`.
    static func connect(_ configuration: ConnectionConfiguration) async throws(PostgresError) -> LibPQ {
        let loop = EventLoop.connecting
        let handle = ConnectionAttemptHandle()
        let outcome = await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Outcome, Never>) in
                loop.perform {
                    let attempt = ConnectionAttempt(configuration, loop)
                    unsafe attempt.continuation = continuation
                    handle.attempt = attempt
                    if handle.isCancelled { attempt.cancel() } else { attempt.start() }
                }
            }
        } onCancel: {
            loop.perform {
                handle.isCancelled = true
                handle.attempt?.cancel()
            }
        }
        return try outcome.get()
    }

    private func start() {
        guard let started = LibPQ(settings) else {
            finish(.failure(PostgresError(.connectionFailed, "cannot connect: out of memory")))
            return
        }
        libpq = started
        guard started.status == .ok else {
            finish(.failure(failure(started)))
            return
        }
        host = ""
        // libpq asks to wait for writability before its first step.
        wait(started, writable: true)
    }

    func becameReady(readable: Bool, writable: Bool) {
        guard let libpq else { return }
        switch libpq.pollConnecting() {
        case PGRES_POLLING_OK:
            detach()
            finish(
                libpq.beginPipelining()
                    ? .success(libpq)
                    : .failure(
                        PostgresError(.connectionFailed, "cannot connect: the client library refuses pipelining"))
            )
        case PGRES_POLLING_READING: wait(libpq, writable: false)
        case PGRES_POLLING_WRITING: wait(libpq, writable: true)
        default:
            detach()
            finish(.failure(failure(libpq)))
        }
    }

    func burstEnded() {}

    private func wait(_ libpq: LibPQ, writable: Bool) {
        let current = "\(libpq.host)\u{0}\(libpq.port)"
        if timer == nil || current != host {
            host = current
            timer.map(loop.cancelTimer)
            timer = loop.schedule(after: configuration.connectTimeout) { self.timeRanOut() }
        }
        let socket = libpq.socket
        // An abandoned socket was closed, which has removed it from epoll; its number may be in use again.
        watched = socket
        let failure = loop.watch(socket, token, readable: !writable, writable: writable, self)
        guard failure != 0 else { return }
        detach()
        finish(
            .failure(
                PostgresError(.connectionFailed, "cannot connect: the socket cannot be watched (errno \(failure))")))
    }

    /// The host being tried is silent: libpq would wait for it for ever, so the others get their turn without it.
    private func timeRanOut() {
        timer = nil
        guard let libpq else { return }
        let slow = (host: libpq.host, port: libpq.port)
        detach()
        self.libpq = nil
        guard let remaining = HostList(settings)?.without(host: slow.host, port: slow.port) else {
            finish(
                .failure(
                    PostgresError(
                        .timedOut,
                        "cannot connect: no answer from \(slow.host), port \(slow.port), within \(configuration.connectTimeout)"
                    )
                )
            )
            return
        }
        settings = remaining.applied(to: settings)
        start()
    }

    private func cancel() {
        guard unsafe continuation != nil else { return }
        detach()
        finish(.failure(PostgresError(.cancelled, "connecting was cancelled")))
    }

    private func detach() {
        timer.map(loop.cancelTimer)
        timer = nil
        loop.unwatch(watched, token)
        watched = -1
    }

    private func finish(_ outcome: Outcome) {
        timer.map(loop.cancelTimer)
        timer = nil
        libpq = nil
        let waiting = unsafe continuation
        unsafe continuation = nil
        unsafe waiting?.resume(returning: outcome)
    }

    private func failure(_ libpq: LibPQ) -> PostgresError {
        let report = ConnectionFailure(configuration.redact(libpq.errorMessage))
        return PostgresError(.connectionFailed, "cannot connect: \(report.sentence)", sqlState: report.sqlState)
    }
}

/// Joins an attempt and the cancellation of the task that asked for it.
///
/// Touched on the connecting loop only.
private final class ConnectionAttemptHandle: @unchecked Sendable {
    var attempt: ConnectionAttempt?
    var isCancelled = false
}
