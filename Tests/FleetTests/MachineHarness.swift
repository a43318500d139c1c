import Fleet

/// A machine with a clock and a seed, for tests that read like a history.
struct MachineHarness {
    typealias Event = SupervisorMachine.Event
    typealias Action = SupervisorMachine.Action

    var machine: SupervisorMachine
    var generator: SeededGenerator
    var now = Duration.zero

    init(seed: UInt64 = 1, restarts: RestartPolicy = RestartPolicy()) {
        machine = SupervisorMachine(restarts: restarts)
        generator = SeededGenerator(seed: seed)
    }

    /// What the machine wants done, without the wake-up.
    @discardableResult
    mutating func handle(_ event: Event) -> [Action] {
        machine.handle(event, at: now, using: &generator).filter { if case .wake = $0 { false } else { true } }
    }

    /// When it wants to be woken.
    mutating func wake() -> Duration? {
        for case .wake(let pause) in machine.handle(.ticked, at: now, using: &generator) { return pause }
        return nil
    }

    @discardableResult mutating func pass(_ time: Duration) -> [Action] {
        now += time
        return handle(.ticked)
    }

    @discardableResult mutating func want(_ workers: Int, revision: Int32 = 1) -> [Action] {
        handle(.wanted([.init(deployment: "d", workers: workers, revision: revision)]))
    }

    /// Leads, wants `workers`, and has them ready. Their numbers are 1 to `workers`.
    mutating func settle(_ workers: Int) {
        handle(.tookHost)
        for case .spawn(let child, _, _) in want(workers) { start(child) }
        _ = pass(.seconds(2))
    }

    /// `child` is a process, and ready at once.
    @discardableResult mutating func start(_ child: Int) -> [Action] {
        handle(.spawned(child, processID: Int32(child))) + handle(.ready(child))
    }

    static func spawn(_ child: Int, _ revision: Int32 = 1) -> Action {
        .spawn(child, deployment: "d", revision: revision)
    }
}

extension WorkerEnding {
    /// Killed from outside.
    static var killed: WorkerEnding {
        var ending = WorkerEnding("ended by signal 9")
        ending.signal = 9
        return ending
    }

    /// Ended as it was told.
    static var drained: WorkerEnding {
        var ending = WorkerEnding("exited: drained")
        ending.exitStatus = 0
        ending.isOrderly = true
        return ending
    }

    /// Cannot start.
    static var refused: WorkerEnding {
        var ending = WorkerEnding("exited: backendRefused")
        ending.exitStatus = 78
        ending.isConfigurationFault = true
        return ending
    }
}
