import Domain
import Queue
import Synchronization

/// Submits jobs on behalf of everybody: those that arrive while others are being written share the next INSERT.
///
/// Nothing waits for company: the first of its kind is written at once. An idempotency key, whose insert may wait for somebody
/// else's commit, and everything else that is rare is written alone. Bounded by the requests under way.
final class Submissions: Sendable {
    /// What jobs that share an INSERT have in common.
    private struct Kind: Hashable {
        let model: String
        let tenant: String
        let kind: JobKind
        let priority: Priority
        let isStreaming: Bool

        /// nil for a request that is written alone.
        init?(_ request: JobRequest) {
            guard request.idempotencyKey == nil, request.runAt == nil, request.deadline == nil,
                request.timeToLive == nil, request.executionLimit == nil, request.affinity == nil,
                request.maximumAttempts == nil, request.metadata == nil, request.webhook == nil
            else { return nil }
            model = request.model
            tenant = request.tenant
            kind = request.kind
            priority = request.priority
            isStreaming = request.isStreaming
        }
    }

    private typealias Outcome = Result<Int64, QueueError>

    private struct Submission {
        let request: JobRequest
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var waiting: [Kind: [Submission]] = [:]
        /// INSERTs under way.
        var underWay: [Kind: Int] = [:]
        var isOver = false
    }

    private static let maximumJobs = 256
    /// The most that is sent at a time, unless one job alone is larger.
    private static let maximumBytes = 4 << 20
    /// While one waits for the disk the next is being made.
    private static let maximumUnderWay = 2

    private let queue: Queue
    private let state = Mutex(State())
    private let bell: AsyncStream<Kind>
    private let ring: AsyncStream<Kind>.Continuation

    init(_ queue: Queue) {
        self.queue = queue
        // Bounded: a kind rings once for each of its INSERTs.
        (bell, ring) = AsyncStream.makeStream()
    }

    /// Accepts one job and returns its id. It is durable and may be claimed when this returns.
    ///
    /// - Throws: what `Queue.enqueue` throws; `unavailable` when the gateway is about to end.
    func enqueue(_ request: JobRequest) async throws(QueueError) -> Int64 {
        guard let kind = Kind(request) else { return try await queue.enqueue(request) }
        let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
            let (isOver, begins) = state.withLock { state in
                if state.isOver { return (true, false) }
                state.waiting[kind, default: []].append(Submission(request: request, continuation: continuation))
                guard state.underWay[kind, default: 0] < Self.maximumUnderWay else { return (false, false) }
                state.underWay[kind, default: 0] += 1
                return (false, true)
            }
            if isOver { continuation.resume(returning: Self.over) }
            if begins { ring.yield(kind) }
        }
        return try outcome.get()
    }

    /// Writes what is submitted until the task is cancelled; then what is left fails.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await kind in bell {
                group.addTask { await self.write(kind) }
            }
        }
        let left = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [:] }
            return state.waiting.values.flatMap(\.self)
        }
        for submission in left { submission.continuation.resume(returning: Self.over) }
    }

    private static let over = Outcome.failure(QueueError(.unavailable, "The gateway is about to end."))

    /// Writes jobs of a kind until none waits.
    private func write(_ kind: Kind) async {
        while let jobs = next(of: kind) {
            do {
                let ids = try await queue.enqueue(
                    model: kind.model, payloads: jobs.map(\.request.payload), kind: kind.kind, priority: kind.priority,
                    tenant: kind.tenant, isStreaming: kind.isStreaming)
                for (job, id) in zip(jobs, ids) { job.continuation.resume(returning: .success(id)) }
            } catch {
                await explain(error, to: jobs)
            }
        }
    }

    /// One that is refused must not take the others with it: each hears of itself.
    private func explain(_ error: QueueError, to jobs: [Submission]) async {
        let isOfOne = error.code == .invalidArgument || error.code == .invalidData
        for job in jobs {
            guard isOfOne else {
                job.continuation.resume(returning: .failure(error))
                continue
            }
            do {
                job.continuation.resume(returning: .success(try await queue.enqueue(job.request)))
            } catch {
                job.continuation.resume(returning: .failure(error))
            }
        }
    }

    /// The next jobs of a kind to write together; nil, and the writer gone, when none waits.
    private func next(of kind: Kind) -> [Submission]? {
        state.withLock { state in
            guard let waiting = state.waiting[kind] else {
                let others = state.underWay[kind, default: 1] - 1
                state.underWay[kind] = others > 0 ? others : nil
                return nil
            }
            var (count, bytes) = (0, 0)
            while count < min(waiting.count, Self.maximumJobs) {
                bytes += waiting[count].request.payload.count
                if count > 0, bytes > Self.maximumBytes { break }
                count += 1
            }
            state.waiting[kind] = count == waiting.count ? nil : Array(waiting[count...])
            return Array(waiting[..<count])
        }
    }
}
