internal import CLinux
internal import Glibc
internal import HeapModule
internal import Synchronization

/// One thread that waits for many descriptors and runs what their readiness wakes.
///
/// Every `Connection` lives on one loop; a single loop serves hundreds of them. The loop is also a `TaskExecutor`: a task
/// whose executor preference is `executor` runs on the loop's own thread, so that a query needs no change of thread. Such
/// tasks must not block. Tasks elsewhere wake the loop at most once per burst.
///
/// A loop's thread lasts as long as the process. Handing work to a loop never blocks and never fails; what may be waiting
/// is bounded by those who hand it over (a connection by its pipeline and its waiting limit).
package final class EventLoop: TaskExecutor, Sendable {
    /// The loop on which connections live when nothing else is said.
    package static let shared = EventLoop(name: "postgres")
    /// Where connections are made: name resolution, TLS files and password hashing block, and must not hold up `shared`.
    static let connecting = EventLoop(name: "postgres-connect")

    enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private struct Inbox {
        var work: [Work] = []
        /// Set while the thread waits, or is about to, with nothing in `work`: the next sender has to wake it.
        var isAsleep = false
    }

    private let inbox = Mutex(Inbox())
    private let thread = Atomic<UInt>(0)
    private let epoll: Int32
    private let wakeUp: Int32
    private let confined = Confined()

    /// Starts a loop whose thread carries `name` (at most 15 bytes).
    package init(name: String) {
        epoll = linux_epoll_create()
        wakeUp = linux_eventfd()
        // Without descriptors at start-up nothing can work and nobody could be told through a query.
        precondition(epoll >= 0 && wakeUp >= 0, "no descriptors left for an event loop")
        linux_epoll_set(epoll, wakeUp, linux_readable, 0)
        let retained = unsafe Unmanaged.passRetained(self).toOpaque()
        let failure = unsafe linux_thread_start(
            name,
            { pointer in
                guard let pointer = unsafe pointer else { return }
                unsafe Unmanaged<EventLoop>.fromOpaque(pointer).takeRetainedValue().run()
            },
            retained
        )
        precondition(failure == 0, "no thread left for an event loop")
    }

    /// The loop as an executor preference: `withTaskExecutorPreference(loop.executor) { … }`.
    package var executor: any TaskExecutor { self }

    /// Whether the caller runs on the loop's thread.
    package var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Queues `job` for the loop's thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        post(.job(UnownedJob(job)))
    }

    /// Calls `body` on the loop's thread: at once when that is the caller's, soon and in order when it is not.
    func perform(_ body: @escaping @Sendable () -> Void) {
        if isCurrent { body() } else { post(.call(body)) }
    }

    func post(_ work: Work) {
        if isCurrent {
            confined.local.append(work)
            return
        }
        let mustWake = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if mustWake { linux_eventfd_signal(wakeUp) }
    }
}

/// What a descriptor's owner is told.
///
/// Called on the loop's thread only.
protocol ReadinessHandler: AnyObject {
    /// The descriptor can be read or written, or has failed.
    func becameReady(readable: Bool, writable: Bool)
    /// A burst of work has ended: what was written during it can be sent in one go.
    func burstEnded()
}

// MARK: - For the loop's thread

extension EventLoop {
    /// Names a registered descriptor or a timer.
    ///
    /// Never used twice, so that a late event cannot reach a later owner.
    typealias Token = UInt64

    /// What only the loop's thread touches.
    final class Confined: @unchecked Sendable {
        var local: [Work] = []
        var spare: [Work] = []
        var handlers: [Token: any ReadinessHandler] = [:]
        var burst: [any ReadinessHandler] = []
        var timers = Heap<Timer>()
        /// The bodies of the timers that are still wanted; a cancelled timer leaves only its entry in the heap.
        var timerBodies: [Token: () -> Void] = [:]
        var lastToken: Token = 0
        var now: Int64 = linux_monotonic_nanoseconds()
    }

    struct Timer: Comparable {
        let deadline: Int64
        let token: Token

        static func < (left: Self, right: Self) -> Bool {
            (left.deadline, left.token) < (right.deadline, right.token)
        }
    }

    private var state: Confined {
        precondition(isCurrent, "an event loop's state is only for its own thread")
        return confined
    }

    /// Nanoseconds of the monotonic clock, read once per round of the loop.
    var now: Int64 { state.now }

    func makeToken() -> Token {
        let state = state
        state.lastToken += 1
        return state.lastToken
    }

    /// Reports `descriptor`'s readiness to `handler` from now on.
    ///
    /// An errno when the kernel refuses.
    func watch(_ descriptor: Int32, _ token: Token, readable: Bool, writable: Bool, _ handler: any ReadinessHandler)
        -> Int32
    {
        state.handlers[token] = handler
        return linux_epoll_set(
            epoll,
            descriptor,
            (readable ? linux_readable : 0) | (writable ? linux_writable : 0),
            token
        )
    }

    func unwatch(_ descriptor: Int32, _ token: Token) {
        state.handlers[token] = nil
        if descriptor >= 0 { linux_epoll_remove(epoll, descriptor) }
    }

    /// Tells `handler` once, when the present burst of work has ended.
    func tellWhenBurstEnds(_ handler: any ReadinessHandler) {
        state.burst.append(handler)
    }

    /// Calls `body` after `delay` (rounded up to a millisecond), unless it is cancelled before.
    func schedule(after delay: Duration, _ body: @escaping () -> Void) -> Token {
        let token = makeToken()
        let state = state
        state.timerBodies[token] = body
        state.timers.insert(Timer(deadline: linux_monotonic_nanoseconds() + max(0, delay.nanoseconds), token: token))
        return token
    }

    func cancelTimer(_ token: Token) {
        let state = state
        state.timerBodies[token] = nil
        // Cancelled entries are dropped when they come up; a heap that is mostly those is rebuilt, which bounds it.
        if state.timers.count > 64, state.timers.count > 4 * state.timerBodies.count {
            state.timers = Heap(state.timers.unordered.filter { state.timerBodies[$0.token] != nil })
        }
    }

    private func run() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        let state = state
        unsafe withUnsafeTemporaryAllocation(of: linux_event.self, capacity: 64) { events in
            while true {
                let count = unsafe linux_epoll_wait(epoll, events.baseAddress, 64, timeout(state))
                state.now = linux_monotonic_nanoseconds()
                for index in 0..<max(0, Int(count)) {
                    let event = unsafe events[index]
                    dispatch(event, state)
                }
                fireTimers(state)
                work(state)
            }
        }
    }

    private func dispatch(_ event: linux_event, _ state: Confined) {
        guard event.token != 0 else {
            linux_eventfd_clear(wakeUp)
            return
        }
        let failed = event.events & linux_failed != 0
        state.handlers[event.token]?.becameReady(
            readable: failed || event.events & linux_readable != 0,
            writable: failed || event.events & linux_writable != 0
        )
    }

    /// Milliseconds the thread may wait: none while there is work, else until the next timer.
    private func timeout(_ state: Confined) -> Int32 {
        guard state.local.isEmpty else { return 0 }
        let mayWait = inbox.withLock { inbox in
            inbox.isAsleep = inbox.work.isEmpty
            return inbox.isAsleep
        }
        guard mayWait else { return 0 }
        guard let next = state.timers.min else { return -1 }
        let left = next.deadline - linux_monotonic_nanoseconds()
        return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
    }

    private func fireTimers(_ state: Confined) {
        while let next = state.timers.min, next.deadline <= state.now {
            state.timers.removeMin()
            state.timerBodies.removeValue(forKey: next.token)?()
        }
    }

    /// Runs what is queued, in a bounded number of rounds so that ready descriptors are not starved.
    private func work(_ state: Confined) {
        let executor = unsafe asUnownedTaskExecutor()
        for _ in 0..<8 {
            inbox.withLock { inbox in
                inbox.isAsleep = false
                guard !inbox.work.isEmpty else { return }
                if state.local.isEmpty {
                    swap(&state.local, &inbox.work)
                } else {
                    state.local.append(contentsOf: inbox.work)
                    inbox.work.removeAll(keepingCapacity: true)
                }
            }
            guard !state.local.isEmpty else { break }
            // What the work itself queues goes to the other array: to the next round.
            var round = state.spare
            state.spare = []
            swap(&round, &state.local)
            for work in round {
                switch work {
                case .job(let job): unsafe job.runSynchronously(on: executor)
                case .call(let body): body()
                }
            }
            round.removeAll(keepingCapacity: true)
            state.spare = round
        }
        while !state.burst.isEmpty {
            let handlers = state.burst
            state.burst.removeAll(keepingCapacity: true)
            for handler in handlers { handler.burstEnded() }
        }
    }
}

extension Duration {
    /// Whole nanoseconds, at most some 292 years either way.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min / 2 : .max / 2 }
        return min(.max / 2, max(.min / 2, product)) + attoseconds / 1_000_000_000
    }
}
