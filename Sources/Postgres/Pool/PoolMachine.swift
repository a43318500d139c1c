internal import DequeModule

/// Decides for a pool: who gets which connection, when one is made, checked or closed.
///
/// No IO, no clock of its own.
///
/// Those who ask are served strictly in the order they came: a shared user never overtakes somebody who waits for a
/// connection of his own.
struct PoolMachine {
    struct Limits {
        var maximumConnections = 4
        /// Kept open although nobody uses them.
        var minimumConnections = 0
        var maximumWaiters = 1024
        var waitTimeout: Duration = .seconds(10)
        /// Whether, while no connection is open, nobody waits longer than whoever came first.
        var sharesWait = false
        /// How many calls may share a connection.
        var maximumUsers = 64
        /// A connection shared by this many makes the pool grow.
        var crowded = 8
        /// A connection above the minimum that was idle this long is closed.
        var maximumIdle: Duration = .seconds(120)
    }

    typealias Slot = UInt64
    typealias Waiter = UInt64
    typealias Instant = ContinuousClock.Instant

    enum Demand: Hashable {
        /// One call among others.
        case shared
        /// The connection for oneself.
        case exclusive
    }

    enum Refusal: Hashable {
        /// Too many wait already.
        case exhausted
        case timedOut
        /// The pool has ended.
        case closed
        /// No connection can be made, and trying again will not help.
        case unreachable
        case cancelled
    }

    enum Action: Hashable {
        case connect(Slot, after: Duration)
        case grant(Waiter, Slot)
        case refuse(Waiter, Refusal)
        case close(Slot)
        /// See whether the idle connection still works, then report `checked`.
        case check(Slot)
    }

    /// Where a connection is in its life.
    ///
    /// It leaves the pool, from any state, when it is lost.
    enum State: Hashable {
        /// Being made, or about to be.
        ///
        /// Exits: `idle`; gone when that fails.
        case connecting
        /// Nobody's.
        ///
        /// Exits: `shared`, `leased`, `checking`, `closing`.
        case idle(since: Instant)
        /// Carrying calls of `users` at once, at least one.
        ///
        /// Exits: `idle`.
        case shared(users: Int)
        /// Somebody's alone.
        ///
        /// Exits: `idle`.
        case leased
        /// Being looked at.
        ///
        /// Exits: `idle`; `closing` when it does not answer.
        case checking
        /// On its way out.
        ///
        /// `users` still hold it; exits: gone.
        case closing
    }

    enum Phase: Hashable {
        /// `run` has not been called: those who ask wait.
        case waiting
        case running
        case stopped
    }

    private struct Waiting {
        let waiter: Waiter
        let demand: Demand
        let deadline: Instant
    }

    let limits: Limits
    private(set) var phase = Phase.waiting
    private(set) var slots: [Slot: State] = [:]
    private var line: Deque<Waiting> = []
    private var backoff: Backoff
    /// The last attempt to connect failed: one at a time until one succeeds.
    private var isFailing = false
    /// Since when somebody waits, or has waited, while there is no open connection and one is being made.
    private var awaySince: Instant?
    private var lastSlot: Slot = 0

    init(_ limits: Limits, backoff: Backoff = Backoff()) {
        self.limits = limits
        self.backoff = backoff
    }

    var waiterCount: Int { line.count }
    /// When the next of those who wait will have waited too long.
    var nextDeadline: Instant? { line.first?.deadline }

    // MARK: Events

    /// The pool's `run` has begun.
    mutating func started(_ generator: inout some RandomNumberGenerator) -> [Action] {
        guard phase == .waiting else { return [] }
        phase = .running
        return grow(&generator)
    }

    /// The pool's `run` is over.
    mutating func stopped() -> [Action] {
        guard phase != .stopped else { return [] }
        phase = .stopped
        let refused = line.map { Action.refuse($0.waiter, .closed) }
        line.removeAll()
        var closed: [Action] = []
        for (slot, state) in slots.sorted(by: { $0.key < $1.key }) {
            slots[slot] = state == .connecting ? nil : .closing
            closed.append(.close(slot))
        }
        return refused + closed
    }

    /// Somebody asks for a connection.
    mutating func requested(
        _ waiter: Waiter,
        _ demand: Demand,
        at now: Instant,
        _ generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard phase != .stopped else { return [.refuse(waiter, .closed)] }
        if line.isEmpty, let slot = place(demand) {
            return [.grant(waiter, slot)] + grow(&generator)
        }
        guard line.count < limits.maximumWaiters else { return [.refuse(waiter, .exhausted)] }
        let isAway = limits.sharesWait && !slots.isEmpty && slots.values.allSatisfy { $0 == .connecting }
        awaySince = isAway ? awaySince ?? now : nil
        let since = awaySince ?? now
        guard since == now || now < since + limits.waitTimeout else { return [.refuse(waiter, .timedOut)] }
        line.append(Waiting(waiter: waiter, demand: demand, deadline: since + limits.waitTimeout))
        return grow(&generator)
    }

    /// Somebody who waits was cancelled.
    ///
    /// Nothing when he was served meanwhile.
    mutating func abandoned(_ waiter: Waiter, _ generator: inout some RandomNumberGenerator) -> [Action] {
        guard let index = line.firstIndex(where: { $0.waiter == waiter }) else { return [] }
        line.remove(at: index)
        return [.refuse(waiter, .cancelled)] + serve(&generator)
    }

    /// Time has passed.
    mutating func timePassed(until now: Instant, _ generator: inout some RandomNumberGenerator) -> [Action] {
        var refused: [Action] = []
        while let first = line.first, first.deadline <= now {
            refused.append(.refuse(first.waiter, .timedOut))
            line.removeFirst()
        }
        return refused.isEmpty ? [] : refused + serve(&generator)
    }

    /// A connection was made.
    mutating func connected(
        _ slot: Slot,
        at now: Instant,
        _ generator: inout some RandomNumberGenerator
    ) -> [Action] {
        // The pool was stopped meanwhile.
        guard slots[slot] == .connecting else { return [.close(slot)] }
        isFailing = false
        awaySince = nil
        backoff.reset()
        slots[slot] = .idle(since: now)
        return serve(&generator)
    }

    /// A connection could not be made; `isFinal` when trying again cannot help those who wait.
    mutating func connectFailed(
        _ slot: Slot,
        isFinal: Bool,
        _ generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard slots[slot] == .connecting else { return [] }
        slots[slot] = nil
        isFailing = true
        var refused: [Action] = []
        // Those who could still be served by an open connection are not told.
        if isFinal, slots.values.allSatisfy({ $0 == .connecting }) {
            refused = line.map { .refuse($0.waiter, .unreachable) }
            line.removeAll()
        }
        return refused + grow(&generator)
    }

    /// A user of a connection is done with it.
    mutating func released(
        _ slot: Slot,
        at now: Instant,
        _ generator: inout some RandomNumberGenerator
    ) -> [Action] {
        switch slots[slot] {
        case .shared(let users): slots[slot] = users > 1 ? .shared(users: users - 1) : .idle(since: now)
        case .leased: slots[slot] = .idle(since: now)
        case nil, .closing, .idle, .checking, .connecting: return []
        }
        return serve(&generator)
    }

    /// A connection ended.
    mutating func lost(_ slot: Slot, _ generator: inout some RandomNumberGenerator) -> [Action] {
        guard slots.removeValue(forKey: slot) != nil else { return [] }
        return grow(&generator)
    }

    /// It is time to look after a connection.
    mutating func checkDue(_ slot: Slot, at now: Instant) -> [Action] {
        guard case .idle(let since) = slots[slot] else { return [] }
        if slots.count > limits.minimumConnections, now - since >= limits.maximumIdle {
            slots[slot] = .closing
            return [.close(slot)]
        }
        slots[slot] = .checking
        return [.check(slot)]
    }

    /// A check ended.
    mutating func checked(
        _ slot: Slot,
        isHealthy: Bool,
        idleSince: Instant,
        _ generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard slots[slot] == .checking else { return [] }
        guard isHealthy else {
            slots[slot] = .closing
            return [.close(slot)]
        }
        slots[slot] = .idle(since: idleSince)
        return serve(&generator)
    }

    // MARK: Rules

    /// Takes a connection for `demand`, if there is one: an idle one, else the least crowded.
    private mutating func place(_ demand: Demand) -> Slot? {
        var best: (slot: Slot, users: Int)?
        for (slot, state) in slots {
            let users: Int
            switch state {
            case .idle: users = 0
            case .shared(let count) where demand == .shared && count < limits.maximumUsers: users = count
            case .shared, .connecting, .leased, .checking, .closing: continue
            }
            // The lower number breaks a tie, so that the higher ones can become old and be closed.
            if best == nil || (users, slot) < (best?.users ?? 0, best?.slot ?? 0) { best = (slot, users) }
        }
        guard let best else { return nil }
        slots[best.slot] = demand == .exclusive ? .leased : .shared(users: best.users + 1)
        return best.slot
    }

    private mutating func serve(_ generator: inout some RandomNumberGenerator) -> [Action] {
        var actions: [Action] = []
        while phase == .running, let first = line.first, let slot = place(first.demand) {
            line.removeFirst()
            actions.append(.grant(first.waiter, slot))
        }
        return actions + grow(&generator)
    }

    /// Makes connections while there is need and room for more.
    private mutating func grow(_ generator: inout some RandomNumberGenerator) -> [Action] {
        guard phase == .running else { return [] }
        var actions: [Action] = []
        while slots.count < limits.maximumConnections {
            let pending = slots.values.count { $0 == .connecting }
            guard !isFailing || pending == 0 else { break }
            let isCrowded = slots.values.contains {
                if case .shared(let users) = $0 { users >= limits.crowded } else { false }
            }
            let hasIdle = slots.values.contains { if case .idle = $0 { true } else { false } }
            let wanted = max(line.count, isCrowded && !hasIdle ? 1 : 0)
            guard slots.count < limits.minimumConnections || pending < wanted else { break }
            lastSlot += 1
            slots[lastSlot] = .connecting
            actions.append(.connect(lastSlot, after: isFailing ? backoff.next(using: &generator) : .zero))
        }
        return actions
    }
}
