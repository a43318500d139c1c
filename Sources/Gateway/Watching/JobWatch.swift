import Domain
import Logging
import Postgres
import Queue
import ServiceLifecycle
import Synchronization

/// Waits for results and for pieces of answers on behalf of everybody: one connection listens, and one question asks for all
/// results that were announced meanwhile.
///
/// What is not announced (a notification that was lost with its connection, a job that ended by its deadline) is found by a
/// look at the ends of everything that is waited for, every `tick`, and at the pieces of all answers, every `longTick`.
final class JobWatch: Service {
    /// How a wait for a result ended.
    enum Outcome: Sendable {
        case result(JobResult)
        /// Time was up, or the client has gone.
        case abandoned
    }

    private static let tick = Duration.milliseconds(250)
    private static let longTick = Duration.seconds(5)
    /// How long the database is told at a time that somebody waits.
    private static let announcement = Duration.seconds(10)
    private static let resultsPerQuestion = 1_000
    /// Ends that came before anybody waited for them are remembered, as many as this.
    private static let rememberedEnds = 8_192

    fileprivate struct Waiter {
        let continuation: CheckedContinuation<Outcome, Never>
        let deadline: ContinuousClock.Instant
    }

    fileprivate struct State {
        var results: [Int64: [Int: Waiter]] = [:]
        var chunks: [Int64: [Int: CheckedContinuation<Void, Never>]] = [:]
        /// Jobs to ask about.
        var rung: Set<Int64> = []
        var ended: Set<Int64> = []
        var endedBefore: Set<Int64> = []
        var news = NewsLog()
        var nextTicket = 0
        var announcedUntil = ContinuousClock.now
        /// Whose wait ended before it began.
        var abandoned: Set<Int> = []
    }

    private let queue: Queue
    private let database: ConnectionConfiguration
    private let logger: Logger
    private let state = Mutex(State())
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(_ queue: Queue, listeningOn database: ConnectionConfiguration, logger: Logger) {
        self.queue = queue
        self.database = database
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Makes sure that ends and pieces are announced from now on: to be called before the job that is waited for is queued.
    func prepare() async throws(QueueError) {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            guard state.announcedUntil - now < Self.announcement / 2 else { return false }
            state.announcedUntil = now + Self.announcement
            return true
        }
        if isDue { try await queue.announceWaiting(results: true, chunks: true, for: Self.announcement) }
    }

    /// A number for a wait, by which it can be abandoned.
    func ticket() -> Int {
        state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
    }

    /// How `job` ended, when it has; `abandoned` when that takes longer than `time`, to a `tick`.
    func result(of job: Int64, ticket: Int, within time: Duration) async -> Outcome {
        let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
            let waiter = Waiter(continuation: continuation, deadline: .now + time)
            let (isAbandoned, hasEnded) = state.withLock { state in
                if state.abandoned.remove(ticket) != nil { return (true, false) }
                state.results[job, default: [:]][ticket] = waiter
                let hasEnded = state.ended.contains(job) || state.endedBefore.contains(job)
                if hasEnded { state.rung.insert(job) }
                return (false, hasEnded)
            }
            if isAbandoned { continuation.resume(returning: .abandoned) }
            if hasEnded { ring.yield() }
        }
        state.withLock { _ = $0.abandoned.remove(ticket) }
        return outcome
    }

    /// Ends the wait of `ticket` for `job`, whether it has begun or not.
    func abandon(_ job: Int64, ticket: Int) {
        let waiter = state.withLock { state in
            let waiter = state.results[job]?.removeValue(forKey: ticket)
            if state.results[job]?.isEmpty == true { state.results[job] = nil }
            if waiter == nil { state.abandoned.insert(ticket) }
            return waiter
        }
        waiter?.continuation.resume(returning: .abandoned)
    }

    /// The wait of `ticket` is over, however it ended.
    func done(_ ticket: Int) { state.withLock { _ = $0.abandoned.remove(ticket) } }

    /// This moment, for `news`.
    var mark: Int { state.withLock { $0.news.count } }

    /// Returns when there may be news of `job` since `mark`, which is to be taken before what is known of it was read: pieces
    /// of its answer, or its end; after `longTick` in any case.
    func news(of job: Int64, since mark: Int) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isKnown = state.withLock { state in
                if state.news.isThere(of: job, since: mark) { return true }
                state.nextTicket += 1
                state.chunks[job, default: [:]][state.nextTicket] = continuation
                return false
            }
            if isKnown { continuation.resume() }
        }
    }

    /// Whoever waits for news of `job` is to look now.
    func nudge(_ job: Int64) {
        let waiters = state.withLock { state in
            state.news.came(of: job)
            return state.chunks.removeValue(forKey: job)?.values ?? [:].values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Watches until cancelled: calls that are under way when a graceful shutdown begins still get their results.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.listen() }
            group.addTask { await self.answer() }
            group.addTask { await self.keepTime() }
        }
        // Nobody is left waiting for a watch that has ended.
        let (results, chunks) = state.withLock { state in
            defer { (state.results, state.chunks) = ([:], [:]) }
            return (state.results.values.flatMap(\.values), state.chunks.values.flatMap(\.values))
        }
        for waiter in results { waiter.continuation.resume(returning: .abandoned) }
        for waiter in chunks { waiter.resume() }
    }

    // MARK: Its three loops

    private func listen() async {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(3))
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do {
                let connection = try await Connection.connect(database, logger: logger)
                defer { connection.close() }
                try await connection.listen(Queue.resultChannel)
                try await connection.listen(Queue.chunkChannel)
                backoff.reset()
                // What was announced meanwhile nobody heard.
                lookAtAll()
                for await notification in connection.notifications { heard(notification) }
            } catch {
                if Task.isCancelled { return }
                logger.warning("The gateway does not hear of results.", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    private func heard(_ notification: Postgres.Notification) {
        let jobs = notification.payload.split(separator: " ").compactMap { Int64($0) }
        guard !jobs.isEmpty else { return lookAtAll() }
        let isResult = notification.channel == Queue.resultChannel
        let (waiters, hasResults) = state.withLock { state in
            var waiters: [CheckedContinuation<Void, Never>] = []
            var hasResults = false
            for job in jobs {
                state.news.came(of: job)
                waiters += state.chunks.removeValue(forKey: job)?.values ?? [:].values
                guard isResult else { continue }
                state.ended.insert(job)
                if state.results[job] != nil {
                    state.rung.insert(job)
                    hasResults = true
                }
            }
            if state.ended.count > Self.rememberedEnds { (state.endedBefore, state.ended) = (state.ended, []) }
            return (waiters, hasResults)
        }
        for waiter in waiters { waiter.resume() }
        if hasResults { ring.yield() }
    }

    /// Whatever is waited for may be there.
    private func lookAtAll() {
        let waiters = state.withLock { state in
            state.rung.formUnion(state.results.keys)
            state.news.cameOfAll()
            defer { state.chunks = [:] }
            return state.chunks.values.flatMap(\.values)
        }
        for waiter in waiters { waiter.resume() }
        ring.yield()
    }

    private func keepTime() async {
        var looked = ContinuousClock.now
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.tick) } catch { return }
            let now = ContinuousClock.now
            let (overdue, isWaiting, readers) = state.withLock { state in
                let overdue = state.takeOverdue(now)
                state.rung.formUnion(state.results.keys)
                return (overdue, !state.results.isEmpty || !state.chunks.isEmpty, Array(state.chunks.keys))
            }
            for waiter in overdue { waiter.continuation.resume(returning: .abandoned) }
            guard isWaiting else { continue }
            ring.yield()
            if now - looked >= Self.longTick {
                looked = now
                lookAtAll()
            } else {
                await lookForEnds(of: readers)
            }
            // Not told in time, the next tick finds what was not announced.
            do { try await prepare() } catch { logger.debug("The database is away.", metadata: ["error": "\(error)"]) }
        }
    }

    /// Wakes readers of answers that will have no more pieces.
    private func lookForEnds(of jobs: [Int64]) async {
        for start in stride(from: 0, to: jobs.count, by: Self.resultsPerQuestion) {
            do {
                let page = Array(jobs[start..<min(start + Self.resultsPerQuestion, jobs.count)])
                for job in try await queue.ended(of: page) { nudge(job) }
            } catch {
                logger.debug("Ends could not be read.", metadata: ["error": "\(error)"])
                return
            }
        }
    }

    private func answer() async {
        for await _ in bell {
            while true {
                let jobs = state.withLock { state in
                    let jobs = Array(state.rung.filter { state.results[$0] != nil }.prefix(Self.resultsPerQuestion))
                    if jobs.isEmpty { state.rung = [] } else { state.rung.subtract(jobs) }
                    return jobs
                }
                guard !jobs.isEmpty else { break }
                do {
                    deliver(try await queue.results(of: jobs))
                } catch {
                    // The next tick asks again.
                    logger.debug("Results could not be read.", metadata: ["error": "\(error)"])
                    break
                }
            }
        }
    }

    private func deliver(_ results: [JobResult]) {
        for result in results {
            let waiters = state.withLock { $0.results.removeValue(forKey: result.job)?.values.map { $0 } ?? [] }
            for waiter in waiters { waiter.continuation.resume(returning: .result(result)) }
        }
    }
}

extension JobWatch.State {
    /// Those whose time is up; they wait no more.
    fileprivate mutating func takeOverdue(_ now: ContinuousClock.Instant) -> [JobWatch.Waiter] {
        var overdue: [JobWatch.Waiter] = []
        for (job, waiters) in results {
            for (ticket, waiter) in waiters where waiter.deadline <= now {
                overdue.append(waiter)
                results[job]?[ticket] = nil
            }
            if results[job]?.isEmpty == true { results[job] = nil }
        }
        return overdue
    }
}
