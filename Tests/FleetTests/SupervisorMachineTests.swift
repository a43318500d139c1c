import Fleet
import Testing

struct SupervisorMachineTests {
    typealias Action = SupervisorMachine.Action
    private var harness = MachineHarness()

    @Test mutating func `nothing is started before it keeps the host and knows what is wanted`() {
        #expect(harness.want(2).isEmpty)
        #expect(harness.handle(.tookHost) == [MachineHarness.spawn(1), MachineHarness.spawn(2)])
        #expect(harness.want(2).isEmpty)
    }

    @Test mutating func `a worker that ends is reported and started again at once`() {
        harness.settle(2)
        #expect(
            harness.handle(.exited(1, .killed)) == [.report(1, deployment: "d", .killed), MachineHarness.spawn(3)])
        #expect(harness.handle(.exited(1, .killed)).isEmpty)
    }

    @Test mutating func `surplus workers are drained, the newest first`() {
        harness.settle(4)
        #expect(harness.want(2) == [.drain(4), .drain(3)])
        #expect(harness.handle(.exited(4, .drained)) == [.report(4, deployment: "d", .drained)])
        #expect(harness.want(0) == [.drain(2), .drain(1)])
    }

    @Test mutating func `one that was not wanted before it was ready did not fail to start`() {
        harness.settle(1)
        harness.want(2)
        harness.handle(.spawned(2, processID: 2))
        #expect(harness.want(1) == [.drain(2)])
        // Its backend loads on, until it is killed.
        #expect(harness.pass(.seconds(35)) == [.kill(2)])
        var ending = WorkerEnding("was killed: it had not ended 35.0 seconds after it was asked to")
        (ending.signal, ending.isOrderly) = (9, true)
        #expect(harness.handle(.exited(2, .killed)) == [.report(2, deployment: "d", ending)])
        // One that was ready had jobs to finish.
        harness.want(0)
        #expect(harness.pass(.seconds(35)) == [.kill(1)])
        (ending.isOrderly) = false
        #expect(harness.handle(.exited(1, .killed)) == [.report(1, deployment: "d", ending)])
    }

    @Test mutating func `a deployment that is gone is drained`() {
        harness.settle(1)
        #expect(harness.handle(.wanted([])) == [.drain(1)])
    }

    @Test mutating func `a new revision replaces one at a time, the new one before the old`() {
        harness.settle(2)
        #expect(harness.want(2, revision: 2) == [MachineHarness.spawn(3, 2)])
        #expect(harness.handle(.spawned(3, processID: 3)).isEmpty)
        // However long it loads.
        #expect(harness.pass(.seconds(1_000)).isEmpty)
        #expect(harness.handle(.ready(3)) == [.drain(2)])
        // While one still drains there is no room for the next.
        #expect(harness.pass(.seconds(1)).isEmpty)
        #expect(
            harness.handle(.exited(2, .drained)) == [
                .report(2, deployment: "d", .drained), MachineHarness.spawn(4, 2),
            ])
        #expect(harness.start(4) == [.drain(1)])
        #expect(harness.handle(.exited(1, .drained)) == [.report(1, deployment: "d", .drained)])
        #expect(harness.machine.children == [3, 4])
    }

    @Test mutating func `where there is no room for one more the old one goes first`() {
        harness.settle(2)
        func want(_ room: Int, refused: Bool) -> [Action] {
            harness.handle(
                .wanted([.init(deployment: "d", workers: 2, revision: 2, room: room, isReplacementRefused: refused)]))
        }
        // What is there fills the room; whether one more may be there has not been said.
        #expect(want(2, refused: false).isEmpty)
        #expect(harness.machine.counts == [.init(deployment: "d", children: 2, isReplacing: true)])
        #expect(want(2, refused: true) == [.drain(1)])
        #expect(harness.pass(.seconds(1)).isEmpty)
        #expect(
            harness.handle(.exited(1, .drained)) == [
                .report(1, deployment: "d", .drained), MachineHarness.spawn(3, 2),
            ])
        #expect(harness.start(3) == [.drain(2)])
        #expect(harness.handle(.exited(2, .drained)).last == MachineHarness.spawn(4, 2))
        harness.start(4)
        #expect(harness.machine.counts == [.init(deployment: "d", children: 2, isReplacing: false)])
    }

    @Test mutating func `one that still ends takes room`() {
        harness.settle(1)
        #expect(harness.want(0) == [.drain(1)])
        let back = SupervisorMachine.Event.wanted([.init(deployment: "d", workers: 1, revision: 1, room: 1)])
        #expect(harness.handle(back).isEmpty)
        #expect(
            harness.handle(.exited(1, .drained)) == [
                .report(1, deployment: "d", .drained), MachineHarness.spawn(2),
            ])
    }

    @Test mutating func `old workers stay while the new revision cannot start`() {
        harness.settle(2)
        #expect(harness.want(2, revision: 2) == [MachineHarness.spawn(3, 2)])
        harness.handle(.spawned(3, processID: 3))
        let actions = harness.handle(.exited(3, .refused))
        #expect(actions.first == .report(3, deployment: "d", .refused))
        guard case .hold("d", let reason) = actions.last else {
            Issue.record("not held: \(actions)")
            return
        }
        #expect(reason.contains("backendRefused"))
        #expect(harness.pass(.seconds(59)).isEmpty)
        #expect(harness.machine.children == [1, 2])
        // A third revision is not judged by the second.
        #expect(harness.want(2, revision: 3) == [MachineHarness.spawn(4, 3)])
    }

    @Test mutating func `a worker that drains by itself since its revision is old is no crash`() {
        harness.settle(1)
        harness.want(1, revision: 2)
        for child in 2..<40 {
            harness.start(child)
            let actions = harness.handle(.exited(child - 1, .drained))
            #expect(!actions.contains { if case .hold = $0 { true } else { false } })
            _ = harness.pass(.seconds(2))
            #expect(
                harness.want(1, revision: Int32(child + 1)).contains(MachineHarness.spawn(child + 1, Int32(child + 1))))
        }
    }

    @Test mutating func `a crash loop is held, said once, and tried again`() {
        harness.handle(.tookHost)
        harness.want(1)
        var holds = 0
        var child = 1
        for _ in 0..<5 {
            harness.handle(.spawned(child, processID: 1))
            let actions = harness.handle(.exited(child, .killed)) + harness.pass(.seconds(5))
            holds += actions.count { if case .hold = $0 { true } else { false } }
            child += 1
        }
        #expect(holds == 1)
        #expect(harness.machine.children.isEmpty)
        #expect(harness.wake() == .seconds(55))
        #expect(harness.pass(.seconds(55)) == [MachineHarness.spawn(6)])
    }

    @Test mutating func `what crashes when it has loaded is a crash loop, however long that takes`() {
        harness.handle(.tookHost)
        var actions = harness.want(1)
        for child in 1...5 {
            if actions.isEmpty { actions = harness.pass(.seconds(1)) }
            #expect(actions == [MachineHarness.spawn(child)])
            harness.handle(.spawned(child, processID: 1))
            harness.now += .seconds(900)
            if child.isMultiple(of: 2) { harness.handle(.ready(child)) }
            actions = harness.handle(.exited(child, .killed))
            actions.removeFirst()
        }
        guard case .hold = actions.last else {
            Issue.record("not held: \(actions)")
            return
        }
    }

    @Test mutating func `an executable that cannot be started is not tried for ever`() {
        harness.handle(.tookHost)
        var actions = harness.want(1)
        for _ in 0..<5 {
            guard case .spawn(let child, _, _) = actions.last else { break }
            actions = harness.handle(.spawnFailed(child, cause: "no such file"))
            if actions.isEmpty { actions = harness.pass(.seconds(2)) }
        }
        guard case .hold = actions.last else {
            Issue.record("not held: \(actions)")
            return
        }
    }

    @Test mutating func `what does not drain in time is killed, and its jobs are not charged`() {
        harness.settle(1)
        harness.want(0)
        #expect(harness.wake() == .seconds(35))
        #expect(harness.pass(.seconds(34)).isEmpty)
        #expect(harness.pass(.seconds(1)) == [.kill(1)])
        #expect(harness.pass(.seconds(100)).isEmpty)
        guard case .report(1, "d", let ending) = harness.handle(.exited(1, .killed)).first else {
            Issue.record("not reported")
            return
        }
        #expect(ending.cause.contains("had not ended") && !ending.chargesJobs)
    }

    @Test mutating func `what uses too much memory is killed once, and its jobs are charged`() {
        harness.settle(1)
        #expect(harness.handle(.exceededMemory(1, bytes: 64 << 20)) == [.kill(1), MachineHarness.spawn(2)])
        #expect(harness.handle(.exceededMemory(1, bytes: 65 << 20)).isEmpty)
        guard case .report(1, "d", let ending) = harness.handle(.exited(1, .killed)).first else {
            Issue.record("not reported")
            return
        }
        #expect(ending.cause.contains("64 MiB") && ending.chargesJobs)
    }

    @Test mutating func `what was declared dead and lives is killed and replaced, and nobody is charged`() {
        harness.settle(2)
        #expect(harness.handle(.declaredDead(2)) == [.kill(2), MachineHarness.spawn(3)])
        #expect(harness.handle(.declaredDead(2)).isEmpty)
        guard case .report(2, "d", let ending) = harness.handle(.exited(2, .killed)).first else {
            Issue.record("not reported")
            return
        }
        #expect(ending.cause.contains("declared dead") && !ending.chargesJobs)
        #expect(harness.handle(.declaredDead(2)).isEmpty, "it is gone")
        #expect(harness.machine.children == [1, 3])
    }

    @Test mutating func `an exit that came before the kill keeps its own cause`() {
        harness.settle(1)
        harness.handle(.exceededMemory(1, bytes: 64 << 20))
        #expect(harness.handle(.exited(1, .refused)).contains(.report(1, deployment: "d", .refused)))
    }

    @Test mutating func `without the database nothing is started and nothing ended`() {
        harness.settle(2)
        harness.handle(.lostHost)
        #expect(harness.handle(.exited(1, .killed)) == [.report(1, deployment: "d", .killed)])
        #expect(harness.pass(.seconds(3_600)).isEmpty)
        #expect(harness.handle(.tookHost) == [MachineHarness.spawn(3)])
    }

    @Test mutating func `another keeper of the host gets ten seconds to be a mistake`() {
        harness.settle(2)
        harness.handle(.lostHost)
        #expect(harness.handle(.sawAnotherKeeper).isEmpty)
        #expect(harness.wake() == .seconds(10))
        now(plus: 9)
        #expect(harness.handle(.sawAnotherKeeper).isEmpty)
        #expect(harness.pass(.seconds(1)) == [.drain(2), .drain(1)])
    }

    private mutating func now(plus seconds: Int) { harness.now += .seconds(seconds) }

    @Test mutating func `shutdown drains all, also what is still being started, and starts nothing more`() {
        harness.settle(1)
        #expect(harness.want(2) == [MachineHarness.spawn(2)])
        #expect(harness.handle(.shutdownRequested) == [.drain(2), .drain(1)])
        #expect(harness.handle(.spawned(2, processID: 2)).isEmpty)
        #expect(harness.handle(.exited(1, .drained)) == [.report(1, deployment: "d", .drained)])
        #expect(!harness.machine.isFinished)
        #expect(harness.pass(.seconds(35)) == [.kill(2)])
        harness.handle(.exited(2, .killed))
        #expect(harness.machine.isFinished)
        #expect(harness.want(5).isEmpty)
    }

    @Test mutating func `shutdown of one that never led is at once`() {
        harness.handle(.shutdownRequested)
        #expect(harness.machine.isFinished)
    }
}

extension SupervisorMachineTests {
    /// The stage of child 1.
    enum Stage: CaseIterable { case starting, running, draining, killed }

    enum Step: CaseIterable {
        case spawned, spawnFailed, exited, exceededMemory, declaredDead, unwanted, graceEnded, shutdown
    }

    /// What is done to child 1, and whether it is there afterwards.
    static let table: [Stage: [Step: (actions: [Action], isThere: Bool)]] = {
        let report = Action.report(1, deployment: "d", .drained)
        return [
            .starting: [
                .spawned: ([], true), .spawnFailed: ([], false), .exited: ([report], false),
                .exceededMemory: ([.kill(1)], true), .declaredDead: ([.kill(1)], true),
                .unwanted: ([.drain(1)], true), .graceEnded: ([], true), .shutdown: ([.drain(1)], true),
            ],
            .running: [
                .spawned: ([], true), .spawnFailed: ([], false), .exited: ([report], false),
                .exceededMemory: ([.kill(1)], true), .declaredDead: ([.kill(1)], true),
                .unwanted: ([.drain(1)], true), .graceEnded: ([], true), .shutdown: ([.drain(1)], true),
            ],
            .draining: [
                .spawned: ([], true), .spawnFailed: ([], false), .exited: ([report], false),
                .exceededMemory: ([.kill(1)], true), .declaredDead: ([.kill(1)], true), .unwanted: ([], true),
                .graceEnded: ([.kill(1)], true), .shutdown: ([], true),
            ],
            .killed: [
                .spawned: ([], true), .spawnFailed: ([], false), .exited: ([report], false),
                .exceededMemory: ([], true), .declaredDead: ([], true), .unwanted: ([], true),
                .graceEnded: ([], true), .shutdown: ([], true),
            ],
        ]
    }()

    @Test(arguments: Stage.allCases, Step.allCases)
    mutating func `every event in every stage`(stage: Stage, step: Step) throws {
        harness.handle(.tookHost)
        harness.want(1)
        if stage != .starting { harness.handle(.spawned(1, processID: 1)) }
        switch stage {
        case .starting, .running: break
        case .draining: harness.want(0)
        case .killed: harness.handle(.exceededMemory(1, bytes: 1))
        }
        let actions =
            switch step {
            case .spawned: harness.handle(.spawned(1, processID: 1))
            case .spawnFailed: harness.handle(.spawnFailed(1, cause: "no"))
            case .exited: harness.handle(.exited(1, .drained))
            case .exceededMemory: harness.handle(.exceededMemory(1, bytes: 1))
            case .declaredDead: harness.handle(.declaredDead(1))
            case .unwanted: harness.want(0)
            case .graceEnded: harness.pass(.seconds(35))
            case .shutdown: harness.handle(.shutdownRequested)
            }
        let expected = try #require(Self.table[stage]?[step])
        // Replacements are other tests' business.
        let concerned = actions.filter { action in
            if case .spawn = action { false } else { action != .drain(2) }
        }
        #expect(concerned == expected.actions)
        #expect(harness.machine.children.contains(1) == expected.isThere)
    }
}
