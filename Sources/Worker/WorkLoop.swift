import BackendHost
import Domain
import Fleet
import Lifeline
import Logging
import Queue
import Synchronization

/// The owner of a worker's machine: locks, asks, unlocks, acts.
///
/// A fixed set of lanes, one a slot, run jobs on the global pool; claims, ends and heartbeats run on the database's loop
/// thread. They meet in the machine and in three signals.
final class WorkLoop: Sendable {
    struct State {
        var machine: WorkerMachine
        var floors = ClaimFloors()
        /// Ends the database has not been told of. Bounded by what is held.
        var ends: [AttemptResult] = []
        /// Lanes that found nothing to do.
        var idleLanes: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        var drainRequestedAt: Duration?
        var graceEnded = false
        var isFatal = false
        /// The part of its memory limit it drains for.
        var memoryAtDrain: Double?
        var hungAt: Duration?
        var ledger = OutcomeLedger()
        var guardian = WorkerGuard(at: .zero)
        /// Whether the worker's own breaker may hold it back.
        var isGuarding = false
        /// When the last report was sent.
        var toldAt = Duration.zero
        /// The last stage whose first success was told at once.
        var toldStage: Int32?
        /// What the backend said of itself since the last report.
        var isWell: Bool?
        var counters = Counters()
    }

    /// What the worker did, for its log.
    struct Counters: Sendable {
        var succeeded = 0
        var failed = 0
        var retried = 0
        var refused = 0
    }

    let settings: WorkerSettings
    let registration: WorkerRegistration
    let queue: Queue
    let link: DatabaseLink
    let instance: BackendInstance
    let board: SlotBoard?
    let logger: Logger
    let verdict: Verdict
    let state: Mutex<State>
    let tenants = Mutex(TenantNames())
    let chunks = Mutex(ChunkBuffer())
    let claimSignal = Signal()
    let endSignal = Signal()
    let beatSignal = Signal()
    let healthSignal = Signal()
    let inquiry: HealthInquiry
    private let epoch = ContinuousClock.now

    init(
        settings: WorkerSettings, registration: WorkerRegistration, queue: Queue, link: DatabaseLink,
        instance: BackendInstance, board: SlotBoard?, logger: Logger
    ) {
        self.settings = settings
        self.registration = registration
        self.queue = queue
        self.link = link
        self.instance = instance
        inquiry = HealthInquiry {
            let state = instance.health().state
            return state == .well || state == .strained
        }
        self.board = board
        self.logger = logger
        verdict = Verdict(base: registration.retryBase, cap: registration.retryCap)
        var limits = WorkerMachine.Limits(slots: instance.slots, attemptTimeout: registration.attemptTimeout)
        limits.cancelGrace = settings.cancelGrace
        limits.buffer = settings.buffer
        state = Mutex(State(machine: WorkerMachine(limits: limits)))
    }

    /// Time since the loop was made, by a clock that only goes forward.
    var now: Duration { ContinuousClock.now - epoch }

    /// Works until drained.
    ///
    /// - Throws: `WorkerEnd`.
    func run() async throws {
        logger.info(
            "The worker is ready.", metadata: ["slots": "\(instance.slots)", "model": "\(registration.modelName)"])
        settings.readiness?.announce()
        try await withTaskCancellationHandler {
            try await runLoops()
        } onCancel: {
            // Lanes wait for jobs and for the backend, neither of which hears of a cancellation.
            close()
            instance.abandonAll()
        }
        let counters = state.withLock { $0.counters }
        logger.info(
            "The worker has drained.",
            metadata: [
                "succeeded": "\(counters.succeeded)", "failed": "\(counters.failed)", "retried": "\(counters.retried)",
                "refused": "\(counters.refused)",
            ])
    }

    private func runLoops() async throws {
        try await withThrowingTaskGroup { group in
            for lane in 0..<instance.slots {
                group.addTask(executorPreference: globalConcurrentExecutor) { await self.runLane(lane) }
            }
            // Each of these ends when the worker has drained; the first error ends all.
            group.addTask { try await self.claimJobs() }
            group.addTask { try await self.finishJobs() }
            group.addTask { try await self.keepTime() }
            group.addTask(executorPreference: globalConcurrentExecutor) { await self.askHealth() }
            do {
                // Not `waitForAll`, which keeps an error to itself until the others have ended, too.
                while try await group.next() != nil {}
            } catch {
                close()
                instance.abandonAll()
                group.cancelAll()
                throw error
            }
        }
    }

    // MARK: Events from outside

    /// A notification came: of work for the model, or a word to this worker.
    func notified(isOfWork: Bool) {
        if isOfWork { claimSignal.raise() } else { beatSignal.raise() }
    }

    /// The connection is a new one.
    func reconnected() {
        state.withLock { $0.floors.forgotten() }
        claimSignal.raise()
        endSignal.raise()
        beatSignal.raise()
    }

    /// The worker is to drain.
    func drainRequested() {
        logger.info("The worker drains.")
        let now = now
        state.withLock { state in
            guard state.drainRequestedAt == nil else { return }
            state.drainRequestedAt = now
            giveBack(state.machine.drainRequested(), &state)
        }
        claimSignal.raise()
        endSignal.raise()
        beatSignal.raise()
    }

    /// Every job this worker knows it holds, those whose end is on its way included.
    var heldJobs: [Int64] { state.withLock { $0.machine.heldJobs } }

    /// The jobs to charge with a crash for `error`; nil: nobody.
    func charged(by error: any Error) -> [Int64]? {
        guard let end = error as? WorkerEnd, end.exit.chargesJobs else { return nil }
        return state.withLock { $0.machine.hung }
    }

    // MARK: Shared by the loops

    /// Whether the loops have nothing left to do.
    var hasDrained: Bool {
        state.withLock {
            $0.machine.phase == .draining && $0.machine.isIdle && $0.ends.isEmpty && $0.machine.hung.isEmpty
        }
    }

    /// Queues the ends of jobs that were never started here.
    func giveBack(_ jobs: [(ClaimedJob, WorkerMachine.StopReason?)], _ state: inout State) {
        for (job, reason) in jobs { state.ends.append(verdict.stopped(job, reason)) }
    }

    /// Ends the lanes.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idleLanes = [] }
            return state.idleLanes
        }
        for lane in idle { lane.resume() }
        healthSignal.raise()
        inquiry.abandon()
    }
}
