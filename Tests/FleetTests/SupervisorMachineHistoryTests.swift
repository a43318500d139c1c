import Fleet
import Testing

/// Thousands of histories of a host where anything happens in any order.
struct SupervisorMachineHistoryTests {
    /// A host that does what the machine says, when it feels like it.
    private struct Host {
        var harness: MachineHarness
        var dice: SeededGenerator
        var wanted: [String: (workers: Int, revision: Int32)] = [:]
        /// Children asked for and not answered yet.
        var starting: Set<Int> = []
        var alive: Set<Int> = []
        var told: Set<Int> = []
        var deployments: [Int: String] = [:]
        var exits: [Int: Int] = [:]
        var reports: [Int: Int] = [:]
        var isShuttingDown = false
        var isLeading = false

        init(seed: UInt64) {
            harness = MachineHarness(seed: seed)
            dice = SeededGenerator(seed: seed &* 31 &+ 7)
        }

        mutating func step() {
            harness.now += .milliseconds(Int.random(in: 0...3_000, using: &dice))
            switch Int.random(in: 0..<20, using: &dice) {
            case 0: do { isLeading = true; act(.tookHost) }
            case 1 where Bool.random(using: &dice): do { isLeading = false; act(.lostHost) }
            case 2 where Int.random(in: 0..<4, using: &dice) == 0: do { isLeading = false; act(.sawAnotherKeeper) }
            case 3, 4: want()
            case 5: if let child = alive.randomElement(using: &dice) { act(.ready(child)) }
            case 6...9: if let child = starting.randomElement(using: &dice) { spawn(child) }
            case 10...12: if let child = told.intersection(alive).randomElement(using: &dice) { exit(child, .drained) }
            case 13, 14:
                if let child = alive.randomElement(using: &dice) {
                    exit(child, Bool.random(using: &dice) ? .killed : .refused)
                }
            case 15: if let child = alive.randomElement(using: &dice) { act(.exceededMemory(child, bytes: 1 << 30)) }
            case 16: if let child = alive.randomElement(using: &dice) { act(.declaredDead(child)) }
            default: act(.ticked)
            }
        }

        mutating func want() {
            for name in ["a", "b"] where Bool.random(using: &dice) {
                wanted[name] = (Int.random(in: 0...4, using: &dice), Int32.random(in: 1...3, using: &dice))
            }
            act(
                .wanted(
                    wanted.sorted { $0.key < $1.key }.map {
                        .init(deployment: $0.key, workers: $0.value.workers, revision: $0.value.revision)
                    }))
        }

        mutating func spawn(_ child: Int) {
            starting.remove(child)
            if Int.random(in: 0..<5, using: &dice) == 0 {
                act(.spawnFailed(child, cause: "no"))
            } else {
                alive.insert(child)
                act(.spawned(child, processID: Int32(child)))
            }
        }

        mutating func exit(_ child: Int, _ ending: WorkerEnding) {
            alive.remove(child)
            exits[child, default: 0] += 1
            act(.exited(child, ending))
        }

        mutating func act(_ event: SupervisorMachine.Event) {
            for action in harness.handle(event) {
                switch action {
                case .spawn(let child, let deployment, let revision):
                    #expect(isLeading && !isShuttingDown)
                    #expect(deployments[child] == nil)
                    deployments[child] = deployment
                    starting.insert(child)
                    let count = starting.union(alive).count { deployments[$0] == deployment }
                    #expect(count <= (wanted[deployment]?.workers ?? 0) + 1)
                    #expect(wanted[deployment]?.revision == revision)
                case .drain(let child), .kill(let child):
                    #expect(starting.contains(child) || alive.contains(child))
                    told.insert(child)
                case .report(let child, let deployment, _):
                    #expect(deployments[child] == deployment)
                    reports[child, default: 0] += 1
                case .hold, .wake: break
                }
            }
        }

        /// Lets everything that was asked for happen.
        mutating func calm() {
            for _ in 0..<60 {
                for child in starting.sorted() {
                    starting.remove(child)
                    alive.insert(child)
                    act(.spawned(child, processID: Int32(child)))
                }
                for child in alive.sorted() { act(.ready(child)) }
                for child in told.intersection(alive).sorted() { exit(child, .drained) }
                harness.now += .seconds(20)
                act(.ticked)
            }
        }
    }

    @Test(arguments: 0..<40)
    func `histories keep the invariants`(block: Int) {
        for seed in 0..<100 {
            var host = Host(seed: UInt64(block * 100 + seed))
            for _ in 0..<150 { host.step() }
            #expect(host.reports == host.exits)

            if seed.isMultiple(of: 2) {
                // Left alone, it comes to what is wanted.
                host.isLeading = true
                host.act(.tookHost)
                host.calm()
                for (name, want) in host.wanted {
                    let children = host.alive.filter { host.deployments[$0] == name }
                    #expect(children.count == want.workers)
                }
            }
            host.isShuttingDown = true
            host.act(.shutdownRequested)
            host.calm()
            #expect(host.harness.machine.isFinished)
            #expect(host.alive.isEmpty && host.starting.isEmpty)
            #expect(host.reports == host.exits)
            #expect(host.exits.values.allSatisfy { $0 == 1 })
        }
    }
}
