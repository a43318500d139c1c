/// Decides which worker processes of one host are started and ended. Pure: what happened and when goes in, what is to be
/// done comes out.
///
/// A child is in one of these states:
/// - *starting*: a spawn was asked for. Left by `spawned` or `spawnFailed`.
/// - *running*: a process, which loads its backend until it says `ready`. Left by `exited`, or by the decision to drain or
///   to kill it.
/// - *draining*: told to end. Left by `exited`, or when the grace has passed: it is killed.
/// - *killed*. Left by `exited` only.
///
/// The number of children of a deployment, those that drain included, never exceeds the room there is for them at the moment
/// of a spawn. While an old revision is replaced there is one extra if there is room, else the old one goes first.
package struct SupervisorMachine: Sendable {
    /// Names a child. Never used twice.
    package typealias Child = Int

    /// What a deployment should have.
    package struct Wanted: Sendable, Hashable {
        /// The deployment's name.
        package var deployment: String
        /// How many workers.
        package var workers: Int
        /// What their revision should be.
        package var revision: Int32
        /// How many processes there may be, those that still end included: what the host has memory for.
        package var room: Int
        /// Whether there is no memory for one more while a new revision takes over: then the old one ends first.
        package var isReplacementRefused: Bool

        /// `workers` workers of `deployment` at `revision`.
        ///
        /// - Parameter room: nil for one more than `workers`.
        package init(
            deployment: String, workers: Int, revision: Int32, room: Int? = nil, isReplacementRefused: Bool = false
        ) {
            self.deployment = deployment
            self.workers = workers
            self.revision = revision
            self.room = room ?? workers + 1
            self.isReplacementRefused = isReplacementRefused
        }
    }

    /// How many processes of a deployment there are.
    package struct Count: Sendable, Hashable {
        /// The deployment's name.
        package var deployment: String
        /// Those included that are being started or ended.
        package var children: Int
        /// Whether some are of an older revision than is wanted, and stay until there is a new one.
        package var isReplacing: Bool

        package init(deployment: String, children: Int, isReplacing: Bool) {
            self.deployment = deployment
            self.children = children
            self.isReplacing = isReplacing
        }
    }

    /// What happened.
    package enum Event: Sendable, Hashable {
        /// The database said what there should be.
        case wanted([Wanted])
        /// The child is a process now.
        case spawned(Child, processID: Int32)
        /// The child's backend is loaded: it takes jobs.
        case ready(Child)
        /// There is no process: the executable is missing, the system out of processes.
        case spawnFailed(Child, cause: String)
        /// The child's process ended.
        case exited(Child, WorkerEnding)
        /// The child uses more memory than it may.
        case exceededMemory(Child, bytes: Int)
        /// The database counts the child among the dead, and it lives: it is stopped, or hangs past all deadlines.
        case declaredDead(Child)
        /// This supervisor keeps the host: what is wanted of the host is for it to do.
        case tookHost
        /// It cannot say any more whether it keeps the host: the database is away. Nothing is started or replaced meanwhile, and
        /// what runs goes on: workers outlive the absence of the database.
        case lostHost
        /// Another supervisor keeps this host. When that stays so for `Graces.succession`, this one's children are drained.
        case sawAnotherKeeper
        /// End everything.
        case shutdownRequested
        /// Time passed; see `Action.wake`.
        case ticked
    }

    /// What is to be done.
    package enum Action: Sendable, Hashable {
        /// Start a worker of `deployment`. To be answered by `spawned` or `spawnFailed`.
        case spawn(Child, deployment: String, revision: Int32)
        /// Ask the child to end; if it is not a process yet, as soon as it is one.
        case drain(Child)
        /// End the child and its process group.
        case kill(Child)
        /// Tell the database of a child's end. Once per exit.
        case report(Child, deployment: String, WorkerEnding)
        /// Say that nothing is started for `deployment` for a while.
        case hold(deployment: String, reason: String)
        /// Say `ticked` when this has passed, unless a later answer says something else. Always the last action.
        case wake(after: Duration)
    }

    /// How long things may take.
    package struct Graces: Sendable, Hashable {
        /// From the request to drain to the kill. Longer than the worker's own drain grace.
        package var drain = Duration.seconds(35)
        /// How long another supervisor has to keep the host before this one gives up its children.
        package var succession = Duration.seconds(10)

        /// The defaults.
        package init() {}
    }

    enum Stage: Hashable {
        case starting
        case running
        case draining(until: Duration)
        case killed
    }

    struct Process {
        let deployment: String
        let revision: Int32
        /// When it became a process; before that, when it was asked for.
        var since: Duration
        var stage = Stage.starting
        /// When it said that it is ready.
        var readySince: Duration?
        /// Whether it was asked to end while it was still loading: then it has nothing to finish.
        var isAbandoned = false
        /// Set when this machine decided its end for a reason of its own.
        var verdict: (cause: String, chargesJobs: Bool)?

        var isLive: Bool { stage == .starting || stage == .running }

        /// How long it has been loading until `now`, and how long it has been ready since.
        func ages(at now: Duration) -> (loading: Duration, ready: Duration) {
            if stage == .starting { return (.zero, .zero) }
            guard let readySince else { return (now - since, .zero) }
            return (readySince - since, now - readySince)
        }
    }

    struct Gate {
        let revision: Int32
        var loop: CrashLoop
        /// No start before this time.
        var opens = Duration.zero
        /// Until when a hold lasts that has been said.
        var heldUntil = Duration.zero
    }

    enum Tenure: Hashable {
        case none
        case keeping
        case superseded(since: Duration)
    }

    let restarts: RestartPolicy
    let graces: Graces
    var tenure = Tenure.none
    var isShuttingDown = false
    var wanted: [Wanted]?
    var processes: [Child: Process] = [:]
    var gates: [String: Gate] = [:]
    private var lastChild: Child = 0

    /// A machine without children that does not keep the host.
    package init(restarts: RestartPolicy = RestartPolicy(), graces: Graces = Graces()) {
        self.restarts = restarts
        self.graces = graces
    }

    /// Whether shutdown was requested and nothing is left to wait for.
    package var isFinished: Bool { isShuttingDown && processes.isEmpty }

    /// The children there are, those included that are being started or ended.
    package var children: [Child] { processes.keys.sorted() }

    /// The children by deployment, for who knows how much memory there is.
    package var counts: [Count] {
        let revisions = Dictionary((wanted ?? []).map { ($0.deployment, $0.revision) }) { $1 }
        return Dictionary(grouping: processes.values, by: \.deployment).sorted { $0.key < $1.key }.map { name, all in
            Count(
                deployment: name, children: all.count,
                isReplacing: all.contains { $0.isLive && revisions[name] != nil && $0.revision != revisions[name] })
        }
    }

    /// Takes in what happened at `now` (since any fixed start, never going back) and says what to do.
    package mutating func handle(
        _ event: Event, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .wanted(let list): heard(list)
        case .spawned(let child, _): spawned(child, at: now)
        case .ready(let child): processes[child]?.readySince = now
        case .spawnFailed(let child, let cause):
            if let process = processes.removeValue(forKey: child) {
                ended(process, WorkerEnding("it could not be started: \(cause)"), at: now, &actions, &generator)
            }
        case .exited(let child, let ending):
            if let process = processes.removeValue(forKey: child) {
                let ending = process.judged(ending)
                actions.append(.report(child, deployment: process.deployment, ending))
                ended(process, ending, at: now, &actions, &generator)
            }
        case .exceededMemory(let child, let bytes):
            kill(child, "used \(bytes >> 20) MiB of memory, more than it may", chargesJobs: true, &actions)
        case .declaredDead(let child):
            // What held it up is not known, so its jobs are not to blame; others have them already.
            kill(child, "was killed: it had been declared dead, and was still there", chargesJobs: false, &actions)
        case .tookHost: tenure = .keeping
        case .lostHost: tenure = .none
        case .sawAnotherKeeper:
            if case .superseded = tenure { break }
            tenure = .superseded(since: now)
        case .shutdownRequested: isShuttingDown = true
        case .ticked: break
        }
        reconcile(at: now, &actions)
        if let wake = nextWake(after: now) { actions.append(.wake(after: wake - now)) }
        return actions
    }

    mutating func newChild() -> Child {
        lastChild += 1
        return lastChild
    }

    private mutating func heard(_ list: [Wanted]) {
        wanted = list
        // What was learnt of a revision says nothing of the next.
        let revisions = Dictionary(list.map { ($0.deployment, $0.revision) }) { $1 }
        gates = gates.filter { revisions[$0.key] == $0.value.revision }
    }

    private mutating func spawned(_ child: Child, at now: Duration) {
        processes[child]?.since = now
        if processes[child]?.stage == .starting { processes[child]?.stage = .running }
    }

    /// Judges an end: nobody had asked for it, or it was of the revision that is wanted no more.
    private mutating func ended(
        _ process: Process, _ ending: WorkerEnding, at now: Duration, _ actions: inout [Action],
        _ generator: inout some RandomNumberGenerator
    ) {
        if case .draining = process.stage { return }
        if process.stage == .killed && process.verdict?.chargesJobs != true { return }
        guard let want = wanted?.first(where: { $0.deployment == process.deployment }) else { return }
        guard want.revision == process.revision else { return }
        var gate = gates[want.deployment] ?? Gate(revision: want.revision, loop: CrashLoop(restarts))
        let ages = process.ages(at: now)
        let decision = gate.loop.ended(
            at: now, loading: ages.loading, ran: ages.ready, width: want.workers,
            isConfigurationFault: ending.isConfigurationFault, cause: ending.cause, using: &generator)
        switch decision {
        case .restart(let time): gate.opens = max(gate.opens, time)
        case .hold(let time, let reason):
            // Ends of others may arrive during a hold: it has been said already.
            if gate.heldUntil <= now { actions.append(.hold(deployment: want.deployment, reason: reason)) }
            gate.heldUntil = max(gate.heldUntil, time)
            gate.opens = max(gate.opens, time)
        }
        gates[want.deployment] = gate
    }

    mutating func kill(_ child: Child, _ cause: String, chargesJobs: Bool, _ actions: inout [Action]) {
        guard var process = processes[child], process.stage != .killed else { return }
        process.stage = .killed
        process.verdict = (cause, chargesJobs)
        processes[child] = process
        actions.append(.kill(child))
    }
}

extension SupervisorMachine.Process {
    /// The ending as this machine knows it: a kill of its own has its own cause.
    fileprivate func judged(_ ending: WorkerEnding) -> WorkerEnding {
        var judged = ending
        // Its start did not fail: nobody waited for it any more, and it had no job.
        if isAbandoned, readySince == nil { judged.isOrderly = true }
        // It may have ended by itself just before the kill reached it.
        guard let verdict, ending.signal != nil else { return judged }
        judged.cause = verdict.cause
        judged.chargesJobs = verdict.chargesJobs
        return judged
    }
}
