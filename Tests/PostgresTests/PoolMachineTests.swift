import Testing

@testable import Postgres

/// Always the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

struct PoolMachineTests {
    private typealias Action = PoolMachine.Action
    private let start = ContinuousClock.now

    private func machine(_ change: (inout PoolMachine.Limits) -> Void = { _ in }) -> PoolMachine {
        var limits = PoolMachine.Limits()
        limits.maximumConnections = 2
        limits.maximumWaiters = 2
        change(&limits)
        return PoolMachine(limits)
    }

    /// A connection in each of its states, and what each event makes of it.
    enum Step: CaseIterable {
        case connected, failed, released, lost, due, healthy, unhealthy
    }

    private func inState(_ state: PoolMachine.State) -> PoolMachine {
        var (machine, generator) = (machine { $0.minimumConnections = 1 }, SeededGenerator(state: 1))
        _ = machine.started(&generator)
        switch state {
        case .connecting: break
        case .idle: _ = machine.connected(1, at: start, &generator)
        case .shared(let users):
            _ = machine.connected(1, at: start, &generator)
            for user in 0..<users { _ = machine.requested(UInt64(user), .shared, at: start, &generator) }
        case .leased:
            _ = machine.connected(1, at: start, &generator)
            _ = machine.requested(1, .exclusive, at: start, &generator)
        case .checking:
            _ = machine.connected(1, at: start, &generator)
            _ = machine.checkDue(1, at: start)
        case .closing:
            _ = machine.connected(1, at: start, &generator)
            _ = machine.stopped()
        }
        return machine
    }

    private static let idle = PoolMachine.State.idle(since: .now)

    @Test(arguments: [
        (PoolMachine.State.connecting, Step.connected, "idle"), (.connecting, .failed, "gone"),
        (.connecting, .released, "connecting"), (.connecting, .lost, "gone"), (.connecting, .due, "connecting"),
        (.connecting, .healthy, "connecting"), (.connecting, .unhealthy, "connecting"),
        (idle, .connected, "idle"), (idle, .failed, "idle"), (idle, .released, "idle"), (idle, .lost, "gone"),
        (idle, .due, "checking"), (idle, .healthy, "idle"), (idle, .unhealthy, "idle"),
        (.shared(users: 1), .released, "idle"), (.shared(users: 2), .released, "shared(users: 1)"),
        (.shared(users: 1), .lost, "gone"), (.shared(users: 1), .due, "shared(users: 1)"),
        (.shared(users: 1), .connected, "shared(users: 1)"), (.shared(users: 1), .failed, "shared(users: 1)"),
        (.leased, .released, "idle"), (.leased, .lost, "gone"), (.leased, .due, "leased"),
        (.leased, .healthy, "leased"),
        (.leased, .unhealthy, "leased"), (.leased, .connected, "leased"), (.leased, .failed, "leased"),
        (.checking, .healthy, "idle"), (.checking, .unhealthy, "closing"), (.checking, .lost, "gone"),
        (.checking, .due, "checking"), (.checking, .released, "checking"), (.checking, .failed, "checking"),
        (.closing, .released, "closing"), (.closing, .lost, "gone"), (.closing, .due, "closing"),
        (.closing, .healthy, "closing"), (.closing, .unhealthy, "closing"), (.closing, .connected, "closing"),
    ])
    func `a connection's state follows`(state: PoolMachine.State, step: Step, expected: String) {
        var (machine, generator) = (inState(state), SeededGenerator(state: 1))
        switch step {
        case .connected: _ = machine.connected(1, at: start, &generator)
        case .failed: _ = machine.connectFailed(1, isFinal: false, &generator)
        case .released: _ = machine.released(1, at: start, &generator)
        case .lost: _ = machine.lost(1, &generator)
        case .due: _ = machine.checkDue(1, at: start)
        case .healthy: _ = machine.checked(1, isHealthy: true, idleSince: start, &generator)
        case .unhealthy: _ = machine.checked(1, isHealthy: false, idleSince: start, &generator)
        }
        let found = machine.slots[1].map { state in if case .idle = state { "idle" } else { "\(state)" } } ?? "gone"
        #expect(found == expected)
    }

    @Test func `an exclusive user is not overtaken`() {
        var (machine, generator) = (machine { $0.maximumConnections = 1 }, SeededGenerator(state: 1))
        _ = machine.started(&generator)
        #expect(machine.requested(1, .shared, at: start, &generator) == [.connect(1, after: .zero)])
        #expect(machine.connected(1, at: start, &generator) == [.grant(1, 1)])
        #expect(machine.requested(2, .exclusive, at: start, &generator) == [])
        #expect(machine.requested(3, .shared, at: start, &generator) == [])
        #expect(machine.requested(4, .shared, at: start, &generator) == [.refuse(4, .exhausted)])
        #expect(machine.released(1, at: start, &generator) == [.grant(2, 1)])
        #expect(machine.released(1, at: start, &generator) == [.grant(3, 1)])
    }

    @Test func `failures slow down, and a final one tells those who wait`() {
        var (machine, generator) = (machine(), SeededGenerator(state: 1))
        _ = machine.started(&generator)
        _ = machine.requested(1, .shared, at: start, &generator)
        guard case .connect(2, let delay)? = machine.connectFailed(1, isFinal: false, &generator).first else {
            Issue.record("no second attempt")
            return
        }
        #expect(delay <= .milliseconds(50))
        #expect(machine.connectFailed(2, isFinal: true, &generator) == [.refuse(1, .unreachable)])
    }

    @Test func `waiting ends when its time is over`() {
        var (machine, generator) = (machine(), SeededGenerator(state: 1))
        #expect(machine.requested(1, .shared, at: start, &generator) == [])
        #expect(machine.nextDeadline == start + .seconds(10))
        #expect(machine.timePassed(until: start + .seconds(9), &generator) == [])
        #expect(machine.timePassed(until: start + .seconds(10), &generator) == [.refuse(1, .timedOut)])
    }

    @Test func `while the server is away nobody waits longer than whoever came first`() {
        var machine = machine { ($0.maximumConnections, $0.minimumConnections, $0.sharesWait) = (1, 1, true) }
        var generator = SeededGenerator(state: 1)
        _ = machine.started(&generator)
        _ = machine.connected(1, at: start, &generator)
        _ = machine.lost(1, &generator)
        #expect(machine.requested(1, .shared, at: start + .seconds(1), &generator) == [])
        #expect(machine.requested(2, .shared, at: start + .seconds(9), &generator) == [])
        #expect(
            machine.timePassed(until: start + .seconds(11), &generator)
                == [.refuse(1, .timedOut), .refuse(2, .timedOut)])
        #expect(machine.requested(3, .shared, at: start + .seconds(12), &generator) == [.refuse(3, .timedOut)])
        _ = machine.connectFailed(2, isFinal: false, &generator)
        #expect(machine.requested(4, .shared, at: start + .seconds(60), &generator) == [.refuse(4, .timedOut)])
        _ = machine.connected(3, at: start + .seconds(61), &generator)
        #expect(machine.requested(5, .shared, at: start + .seconds(62), &generator) == [.grant(5, 3)])
        // The next time it is away all begin anew.
        _ = machine.lost(3, &generator)
        #expect(machine.requested(6, .shared, at: start + .seconds(70), &generator) == [])
        #expect(machine.nextDeadline == start + .seconds(80))
    }

    @Test func `long idle connections are closed down to the minimum`() {
        var (machine, generator) = (machine { $0.minimumConnections = 1 }, SeededGenerator(state: 1))
        _ = machine.started(&generator)
        _ = machine.connected(1, at: start, &generator)
        #expect(machine.checkDue(1, at: start + .seconds(1000)) == [.check(1)])
    }

    @Test(arguments: UInt64(0)..<200) func `no history breaks the rules`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var machine = machine {
            $0.maximumConnections = Int.random(in: 1...4, using: &generator)
            $0.minimumConnections = Int.random(in: 0...1, using: &generator)
            $0.maximumWaiters = 5
            $0.maximumUsers = 3
            $0.sharesWait = Bool.random(using: &generator)
        }
        var now = start
        var (asked, last): (Set<UInt64>, UInt64) = ([], 0)
        var held: [UInt64: [PoolMachine.Demand]] = [:]
        var demands: [UInt64: PoolMachine.Demand] = [:]
        var (connecting, open, checking): (Set<UInt64>, Set<UInt64>, Set<UInt64>) = ([], [], [])

        func obey(_ actions: [PoolMachine.Action]) {
            for action in actions {
                switch action {
                case .connect(let slot, _): #expect(connecting.insert(slot).inserted)
                case .grant(let waiter, let slot):
                    #expect(asked.remove(waiter) != nil, "granted to nobody")
                    #expect(open.contains(slot), "granted a connection that is not open")
                    held[slot, default: []].append(demands[waiter] ?? .shared)
                case .refuse(let waiter, _): #expect(asked.remove(waiter) != nil, "refused twice")
                case .close(let slot):
                    connecting.remove(slot)
                    open.remove(slot)
                    held[slot] = nil
                    checking.remove(slot)
                    obey(machine.lost(slot, &generator))
                case .check(let slot): checking.insert(slot)
                }
            }
        }
        obey(machine.started(&generator))
        for _ in 0..<400 {
            now += .milliseconds(Int.random(in: 0...500, using: &generator))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...3:
                last += 1
                asked.insert(last)
                demands[last] = Bool.random(using: &generator) ? .shared : .exclusive
                obey(machine.requested(last, demands[last] ?? .shared, at: now, &generator))
            case 4:
                guard let slot = connecting.min() else { continue }
                connecting.remove(slot)
                if Int.random(in: 0..<4, using: &generator) > 0 {
                    open.insert(slot)
                    obey(machine.connected(slot, at: now, &generator))
                } else {
                    obey(machine.connectFailed(slot, isFinal: Bool.random(using: &generator), &generator))
                }
            case 5, 6:
                guard let slot = held.filter({ !$0.value.isEmpty }).keys.min() else { continue }
                held[slot]?.removeLast()
                obey(machine.released(slot, at: now, &generator))
            case 7:
                guard let slot = open.min() else { continue }
                if checking.remove(slot) != nil {
                    obey(machine.checked(slot, isHealthy: Bool.random(using: &generator), idleSince: now, &generator))
                } else {
                    obey(machine.checkDue(slot, at: now))
                }
            case 8:
                guard let waiter = asked.min() else { continue }
                obey(machine.abandoned(waiter, &generator))
            default:
                obey(machine.timePassed(until: now, &generator))
                if let slot = open.max(), Bool.random(using: &generator) {
                    open.remove(slot)
                    held[slot] = nil
                    checking.remove(slot)
                    obey(machine.lost(slot, &generator))
                }
            }
            #expect(machine.slots.count <= machine.limits.maximumConnections)
            #expect(machine.waiterCount <= machine.limits.maximumWaiters)
            #expect(machine.waiterCount == asked.count)
            for (_, users) in held where users.contains(.exclusive) { #expect(users.count == 1, "not alone") }
            for (_, users) in held { #expect(users.count <= machine.limits.maximumUsers) }
            let hasIdle = machine.slots.values.contains { if case .idle = $0 { true } else { false } }
            #expect(asked.isEmpty || !hasIdle, "somebody waits beside an idle connection")
            #expect(asked.isEmpty || !machine.slots.isEmpty, "somebody waits and nothing is coming")
        }
        obey(machine.stopped())
        #expect(asked.isEmpty)
    }
}
