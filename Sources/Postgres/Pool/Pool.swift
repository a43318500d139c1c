package import Logging
internal import Synchronization

/// A bounded number of connections to one server, made when needed, looked after, and made again when lost.
///
/// `run()` has to run for connections to be made: until it does, calls wait for it like they wait for a connection, at
/// most `waitTimeout`. When it ends every connection is closed and calls fail with `.poolClosed`.
package final class Pool: Sendable {
    struct Users {
        var machine: PoolMachine
        var generator = SystemRandomNumberGenerator()
        var connections: [PoolMachine.Slot: Connection] = [:]
        var continuations: [PoolMachine.Waiter: CheckedContinuation<Grant, Never>] = [:]
        var lastWaiter: PoolMachine.Waiter = 0
        var isTimerSet = false
        var lastFailure: PostgresError?
    }

    typealias Grant = Result<(PoolMachine.Slot, Connection), PostgresError>

    /// What `run` does in tasks of its own.
    enum Errand: Sendable {
        case connect(PoolMachine.Slot, after: Duration)
    }

    /// How the connections are being used.
    package struct Usage: Sendable, Hashable {
        /// Open, or being made.
        package let connections: Int
        /// Open and used by nobody.
        package let idle: Int
        /// Callers waiting for one.
        package let waiting: Int
    }

    private let configuration: ConnectionConfiguration
    private let prepare: @Sendable (Connection) async throws -> Void
    private let logger: Logger
    private let checkInterval: Duration
    private let users: Mutex<Users>
    private let errands: AsyncStream<Errand>
    private let newErrand: AsyncStream<Errand>.Continuation

    /// A pool that makes no connection before `run()`.
    ///
    /// - Parameters:
    ///   - maximumConnections: the most there are at once, including those being made.
    ///   - minimumConnections: kept open although nobody uses them. Others are closed after two idle minutes.
    ///   - maximumWaiters: the most callers that may wait; one more fails with `.poolExhausted`.
    ///   - waitTimeout: the longest a caller waits, then it fails with `.timedOut` or with the reason why no
    ///     connection can be made.
    ///   - sharesWait: whether, while no connection is open, nobody waits longer than `waitTimeout` after whoever came
    ///     first: then all fail at once until there is one, so that calls made in turn do not wait in turn.
    ///   - checkInterval: how often an idle connection is tried out.
    ///   - prepare: called with every new connection before anybody gets it; when it throws, the connection is closed and
    ///     that counts as a failure to connect.
    package init(
        _ configuration: ConnectionConfiguration,
        maximumConnections: Int,
        minimumConnections: Int = 0,
        maximumWaiters: Int = 1024,
        waitTimeout: Duration = .seconds(10),
        sharesWait: Bool = false,
        checkInterval: Duration = .seconds(15),
        prepare: @escaping @Sendable (Connection) async throws -> Void = { _ in },
        logger: Logger
    ) {
        self.configuration = configuration
        self.prepare = prepare
        self.logger = logger
        self.checkInterval = checkInterval
        var limits = PoolMachine.Limits()
        limits.maximumConnections = max(1, maximumConnections)
        limits.minimumConnections = min(max(0, minimumConnections), limits.maximumConnections)
        limits.maximumWaiters = max(0, maximumWaiters)
        limits.waitTimeout = waitTimeout
        limits.sharesWait = sharesWait
        users = Mutex(Users(machine: PoolMachine(limits)))
        // Bounded by the machine: it never asks for more connections than there may be.
        (errands, newErrand) = AsyncStream.makeStream(of: Errand.self)
    }

    /// How the connections are being used, at this instant.
    package var usage: Usage {
        users.withLock { users in
            Usage(
                connections: users.machine.slots.count,
                idle: users.machine.slots.values.count { if case .idle = $0 { true } else { false } },
                waiting: users.machine.waiterCount
            )
        }
    }

    /// Keeps the pool alive until the task is cancelled; then closes everything.
    ///
    /// To be called once.
    package func run() async {
        act { $0.machine.started(&$0.generator) }
        await withDiscardingTaskGroup { group in
            for await errand in errands {
                switch errand {
                case .connect(let slot, let delay): group.addTask { await self.live(slot, after: delay) }
                }
            }
            act { $0.machine.stopped() }
            group.cancelAll()
        }
    }

    // MARK: For callers

    /// Calls `body` with a connection that is nobody else's meanwhile.
    ///
    /// Throws what `body` throws, `.timedOut`, `.poolExhausted`, `.poolClosed`, `.cancelled`, or `.connectionFailed` when
    /// no connection can be made. The connection must not be kept.
    package func withConnection<T>(_ body: (Connection) async throws -> T) async throws -> T {
        let (slot, connection) = try await take(.exclusive)
        defer { release(slot) }
        return try await body(connection)
    }

    /// Runs `statement` on a connection shared with other such calls.
    ///
    /// See `Connection.query`.
    package func query(
        _ statement: Statement,
        _ parameters: Parameters = Parameters()
    ) async throws(PostgresError) -> Rows {
        let (slot, connection) = try await take(.shared)
        defer { release(slot) }
        return try await connection.query(statement, parameters)
    }

    /// Runs `body` in a transaction on a connection of its own.
    ///
    /// See `Connection.transaction`.
    package func transaction<T>(
        isolation: IsolationLevel? = nil,
        _ body: (Connection) async throws -> T
    ) async throws -> T {
        try await withConnection { connection in try await connection.transaction(isolation: isolation, body) }
    }

    private func take(
        _ demand: PoolMachine.Demand
    ) async throws(PostgresError) -> (PoolMachine.Slot, Connection) {
        let ticket = Ticket(users.withLock { $0.newWaiter() })
        let grant = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Grant, Never>) in
                act { users in
                    users.continuations[ticket.waiter] = continuation
                    let actions = users.machine.requested(ticket.waiter, demand, at: .now, &users.generator)
                    // A cancellation that came before has found nobody to cancel.
                    guard ticket.isCancelled.load(ordering: .relaxed) else { return actions }
                    return actions + users.machine.abandoned(ticket.waiter, &users.generator)
                }
            }
        } onCancel: {
            ticket.isCancelled.store(true, ordering: .relaxed)
            act { users in users.machine.abandoned(ticket.waiter, &users.generator) }
        }
        return try grant.get()
    }

    private func release(_ slot: PoolMachine.Slot) {
        act { users in users.machine.released(slot, at: .now, &users.generator) }
    }

    // MARK: Acting on the machine's word

    /// Lets `decide` ask the machine under the lock, then does what it says outside of it.
    ///
    /// Whether a check was asked for.
    @discardableResult
    private func act(_ decide: (inout Users) -> [PoolMachine.Action]) -> Bool {
        let (effects, wait) = users.withLock { users in
            let effects = decide(&users).map { users.effect(of: $0) }
            return (effects, users.timerToSet())
        }
        var mustCheck = false
        for effect in effects {
            switch effect {
            case .resume(let continuation, let grant): continuation.resume(returning: grant)
            case .errand(let errand): newErrand.yield(errand)
            case .close(let connection): connection.close()
            case .check: mustCheck = true
            case .none: break
            }
        }
        if let wait { setTimer(wait) }
        return mustCheck
    }

    private func setTimer(_ wait: Duration) {
        let loop = EventLoop.shared
        loop.perform {
            _ = loop.schedule(after: wait) {
                self.act { users in
                    users.isTimerSet = false
                    return users.machine.timePassed(until: .now, &users.generator)
                }
            }
        }
    }

    /// The life of one connection, from before it is made until it is lost.
    private func live(_ slot: PoolMachine.Slot, after delay: Duration) async {
        let connection: Connection
        do {
            if delay > .zero { try await Task.sleep(for: delay) }
            connection = try await Connection.connect(configuration, logger: logger)
            do { try await prepare(connection) } catch {
                connection.close()
                throw error
            }
        } catch {
            failed(slot, error)
            return
        }
        act { users in
            users.connections[slot] = connection
            users.lastFailure = nil
            return users.machine.connected(slot, at: .now, &users.generator)
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.lookAfter(connection, slot) }
            let reason = await connection.waitUntilClosed()
            if let reason {
                logger.warning("a pooled connection was lost", metadata: ["postgres.error": "\(reason)"])
            }
            group.cancelAll()
        }
        // At the end of `run` the connection is still open here.
        connection.close()
        act { users in
            users.connections[slot] = nil
            return users.machine.lost(slot, &users.generator)
        }
    }

    private func failed(_ slot: PoolMachine.Slot, _ error: any Error) {
        let failure =
            error as? PostgresError
            ?? PostgresError(.connectionFailed, "a new connection could not be prepared", underlying: error)
        if failure.code != .cancelled {
            logger.warning("no connection could be made", metadata: ["postgres.error": "\(failure)"])
        }
        act { users in
            users.lastFailure = failure
            return users.machine.connectFailed(slot, isFinal: !failure.isRetryable, &users.generator)
        }
    }

    /// Tries the connection out now and then, while it is idle.
    private func lookAfter(_ connection: Connection, _ slot: PoolMachine.Slot) async {
        var idleSince = ContinuousClock.now
        while true {
            do { try await Task.sleep(for: checkInterval) } catch { return }
            let mustCheck = act { users in
                if case .idle(let since) = users.machine.slots[slot] { idleSince = since }
                return users.machine.checkDue(slot, at: .now)
            }
            guard mustCheck else { continue }
            let isHealthy = await connection.answers(within: .seconds(5))
            act { users in
                users.machine.checked(slot, isHealthy: isHealthy, idleSince: idleSince, &users.generator)
            }
        }
    }
}

/// Joins somebody who waits and the cancellation of his task.
private final class Ticket: Sendable {
    let waiter: PoolMachine.Waiter
    let isCancelled = Atomic<Bool>(false)

    init(_ waiter: PoolMachine.Waiter) { self.waiter = waiter }
}

/// What an action of the machine comes to, once the names in it have been looked up.
private enum Effect {
    case resume(CheckedContinuation<Pool.Grant, Never>, Pool.Grant)
    case errand(Pool.Errand)
    case close(Connection)
    case check
    case none
}

extension Pool.Users {
    mutating func newWaiter() -> PoolMachine.Waiter {
        lastWaiter += 1
        return lastWaiter
    }

    fileprivate mutating func effect(of action: PoolMachine.Action) -> Effect {
        switch action {
        case .connect(let slot, let delay): return .errand(.connect(slot, after: delay))
        case .close(let slot): return connections[slot].map(Effect.close) ?? .none
        case .check: return .check
        case .grant(let waiter, let slot):
            guard let continuation = continuations.removeValue(forKey: waiter) else { return .none }
            guard let connection = connections[slot] else {
                return .resume(continuation, .failure(PostgresError(.connectionLost, "the connection was lost")))
            }
            return .resume(continuation, .success((slot, connection)))
        case .refuse(let waiter, let refusal):
            guard let continuation = continuations.removeValue(forKey: waiter) else { return .none }
            return .resume(continuation, .failure(error(for: refusal)))
        }
    }

    private func error(for refusal: PoolMachine.Refusal) -> PostgresError {
        switch refusal {
        case .exhausted:
            PostgresError(.poolExhausted, "\(machine.limits.maximumWaiters) callers already wait for a connection")
        case .timedOut:
            lastFailure
                ?? PostgresError(.timedOut, "no connection became free within \(machine.limits.waitTimeout)")
        case .closed: PostgresError(.poolClosed, "the pool is closed")
        case .unreachable: lastFailure ?? PostgresError(.connectionFailed, "no connection can be made")
        case .cancelled: PostgresError(.cancelled, "waiting for a connection was cancelled")
        }
    }

    /// How long until the first of those who wait has waited too long, when no timer runs for that yet.
    fileprivate mutating func timerToSet() -> Duration? {
        guard !isTimerSet, let deadline = machine.nextDeadline else { return nil }
        isTimerSet = true
        return ContinuousClock.now.duration(to: deadline)
    }
}

extension Connection {
    private static let isAlive = Statement("is_alive", "SELECT 1")

    /// Whether the server answers within `limit`.
    func answers(within limit: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    _ = try await self.query(Self.isAlive)
                    return true
                } catch {
                    return false
                }
            }
            group.addTask {
                do { try await Task.sleep(for: limit) } catch { return false }
                // A server that does not answer does not answer a cancellation either.
                self.close()
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }
}
