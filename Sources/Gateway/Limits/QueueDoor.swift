import Admission
import Domain
import HTTPTypes
import Queue
import Synchronization

/// Turns jobs away when too many wait already, by a count that all gateways share.
final class QueueDoor: Sendable {
    private struct State {
        var gauge = DepthGauge()
        var isCounting = false
        var waiting: [CheckedContinuation<QueueError?, Never>] = []
    }

    private let queue: Queue
    private let epoch = ContinuousClock.now
    private let state = Mutex(State())

    init(_ queue: Queue) { self.queue = queue }

    private var now: Duration { ContinuousClock.now - epoch }

    /// A job that was let in. It is to be `queued`; when this is forgotten before, it is gone.
    final class Pass: Sendable {
        private let door: QueueDoor
        private let lane: DepthGauge.Lane
        private let priority: Int
        private let isQueued = Atomic(false)

        fileprivate init(_ door: QueueDoor, _ lane: DepthGauge.Lane, _ priority: Int) {
            (self.door, self.lane, self.priority) = (door, lane, priority)
        }

        deinit {
            guard !isQueued.load(ordering: .relaxed) else { return }
            door.state.withLock { $0.gauge.gone(from: lane, priority: priority) }
        }

        /// The job is in the queue.
        func queued() {
            guard !isQueued.exchange(true, ordering: .relaxed) else { return }
            door.state.withLock { $0.gauge.queued(to: lane, priority: priority, at: door.now) }
        }
    }

    /// Lets one more job wait, or says how full the queue is.
    ///
    /// - Throws: `GatewayFailure` with status 429 when it is full, 503 when nobody knows.
    func admit(tenant: String, model: String, priority: Int) async throws(GatewayFailure) -> Pass {
        let lane = DepthGauge.Lane(tenant: tenant, model: model)
        if let full = try await refusal(of: 1, to: lane, priority) { throw GatewayFailure(full, model: model) }
        return Pass(self, lane, priority)
    }

    /// Lets as many more jobs wait as there is room for, up to `most`; at least one.
    ///
    /// - Throws: as `admit(tenant:model:priority:)`.
    func admit(
        upTo most: Int, tenant: String, model: String, priority: Int
    ) async throws(GatewayFailure) -> [Pass] {
        let lane = DepthGauge.Lane(tenant: tenant, model: model)
        var jobs = most
        while let full = try await refusal(of: jobs, to: lane, priority) {
            guard jobs > 1 else { throw GatewayFailure(full, model: model) }
            jobs = max(1, jobs / 8)
        }
        return (0..<jobs).map { _ in Pass(self, lane, priority) }
    }

    /// Lets so many jobs in, and returns nil; or lets none in, and says why.
    private func refusal(
        of jobs: Int, to lane: DepthGauge.Lane, _ priority: Int
    ) async throws(GatewayFailure) -> DepthGauge.Full? {
        var isFinal = false
        while true {
            let verdict = state.withLock {
                $0.gauge.admit(jobs, to: lane, priority: priority, at: now, isFinal: isFinal)
            }
            switch verdict {
            case .admitted: return nil
            case .full(let full): return full
            case .needsCount:
                // Someone else's count may be from before this was asked: then count again.
                isFinal = try await count()
            }
        }
    }

    /// Counts, or waits for who does. Returns whether the count is one's own, as new as it gets.
    private func count() async throws(GatewayFailure) -> Bool {
        let isMine = state.withLock { state in
            defer { state.isCounting = true }
            return !state.isCounting
        }
        guard isMine else {
            let failure = await withCheckedContinuation { (continuation: CheckedContinuation<QueueError?, Never>) in
                let isOver = state.withLock { state in
                    if state.isCounting { state.waiting.append(continuation) }
                    return !state.isCounting
                }
                if isOver { continuation.resume(returning: nil) }
            }
            // While the database is away nobody waits for it in turn. Any other failure was the other one's own.
            if let failure, failure.code == .unavailable { throw GatewayFailure(failure) }
            return false
        }
        do {
            let bounds = try await queue.bounds()
            let asked = now
            let (depths, age) = try await queue.depths(notOlderThan: DepthGauge.doubt)
            let counts = depths.map {
                DepthGauge.Count(
                    lane: .init(tenant: $0.tenant, model: $0.model), priority: Int($0.priority),
                    waiting: Int($0.waiting), perSecond: $0.perSecond)
            }
            let limits = bounds.map {
                DepthGauge.Bound(tenant: $0.tenant, model: $0.model, waiting: Int($0.waiting))
            }
            state.withLock { $0.gauge.counted(counts, limits, age: age, at: asked) }
            counted(nil)
            return true
        } catch {
            counted(error)
            throw GatewayFailure(error)
        }
    }

    /// A count is over: whoever waits for it goes on.
    private func counted(_ failure: QueueError?) {
        let waiting = state.withLock { state in
            defer { (state.isCounting, state.waiting) = (false, []) }
            return state.waiting
        }
        for waiter in waiting { waiter.resume(returning: failure) }
    }
}

extension GatewayFailure {
    fileprivate init(_ full: DepthGauge.Full, model: String) {
        let wait = full.wait.map { RateHeaders.text($0) }
        self.init(
            status: .tooManyRequests,
            message: """
                \(full.waiting) of your jobs wait for \(model) already, of at most \(full.bound)\
                \(wait.map { ": one more would wait about \($0)" } ?? ""). Try again later.
                """,
            type: "requests", code: "queue_full")
        // As long as it takes until half of them are gone, which leaves room for more than one.
        retryAfter = RateHeaders.retryAfter(min(.seconds(60), (full.wait ?? .seconds(2)) / 2))
        details = [
            .init("waiting", .integer(Int64(full.waiting))), .init("bound", .integer(Int64(full.bound))),
            .init("expected_wait_seconds", full.wait.map { .number($0.inSeconds) } ?? .null),
        ]
    }
}
