import Admission
import HTTPTypes
import Logging
import Queue
import Synchronization

/// Keeps keys and tenants to their limits. Most requests are decided here, from what was granted before; those that are not
/// share one statement, of which one at a time is under way.
final class Limiter: Sendable {
    private enum Outcome: Sendable {
        case admitted
        case refused(RateRefusal)
        case failed(QueueError)
    }

    private struct Subject {
        var allowance: Allowance
        /// Who waits for a grant, in order.
        var waiting: [(ticket: Int, cost: RateCost)] = []
        /// How many of them the ask that is under way is for.
        var asking = 0
        var seen: Duration
    }

    /// A request that waits for grants of all of `open`.
    private struct Pending {
        var open: Set<Int32>
        var admitted: [Int32]
        var outcome = Outcome.admitted
        let cost: RateCost
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var subjects: [Int32: Subject] = [:]
        var pending: [Int: Pending] = [:]
        var nextTicket = 0
    }

    private static let tick = Duration.milliseconds(250)
    /// How long a subject nobody asks for is remembered.
    private static let memory = Duration.seconds(60)
    private static let subjectsPerStatement = 500

    private let queue: Queue
    private let logger: Logger
    /// By which the database tells gateways apart.
    private let gateway = Int64.random(in: 1...Int64.max)
    private let epoch = ContinuousClock.now
    private let state = Mutex(State())
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(_ queue: Queue, logger: Logger) {
        self.queue = queue
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private var now: Duration { ContinuousClock.now - epoch }

    // MARK: Requests

    /// Lets a request of a key with these limits in: one request, one slot.
    ///
    /// - Throws: `GatewayFailure` with status 429, or 503 when nobody knows.
    func enter(_ limits: [LimitSetting]) async throws(GatewayFailure) -> RequestCharge {
        try await take(RateCost(requests: 1, slots: 1), of: limits)
        return RequestCharge(self, limits)
    }

    /// Takes `cost` of every one of `limits`, or of none; nil when that depends on grants of `open`.
    private func decide(
        _ cost: RateCost, of limits: [LimitSetting], _ state: inout State
    ) -> (outcome: Outcome?, admitted: [Int32], open: [Int32]) {
        var (admitted, open): ([Int32], [Int32]) = ([], [])
        for limit in limits {
            var subject = state.subjects[limit.id] ?? Subject(allowance: Allowance(RateLimits(limit)), seen: now)
            subject.allowance.changed(to: RateLimits(limit))
            subject.seen = now
            let verdict = subject.allowance.asks(for: cost, at: now)
            state.subjects[limit.id] = subject
            switch verdict {
            case .admitted: admitted.append(limit.id)
            case .waits: open.append(limit.id)
            case .refused(let refusal):
                for id in admitted { state.subjects[id]?.allowance.returned(cost) }
                for id in open { state.subjects[id]?.allowance.withdrawn(cost) }
                return (.refused(refusal), [], [])
            }
        }
        return (open.isEmpty ? .admitted : nil, admitted, open)
    }

    /// Takes `cost` of every one of `limits`.
    ///
    /// - Throws: as `enter`.
    func take(_ cost: RateCost, of limits: [LimitSetting]) async throws(GatewayFailure) {
        guard cost != RateCost() else { return }
        let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
            let known = state.withLock { state -> Outcome? in
                let (outcome, admitted, open) = decide(cost, of: limits, &state)
                if let outcome { return outcome }
                state.nextTicket += 1
                state.pending[state.nextTicket] = Pending(
                    open: Set(open), admitted: admitted, cost: cost, continuation: continuation)
                for id in open { state.subjects[id]?.waiting.append((state.nextTicket, cost)) }
                return nil
            }
            if let known { continuation.resume(returning: known) } else { ring.yield() }
        }
        switch outcome {
        case .admitted: return
        case .refused(let refusal): throw GatewayFailure(refusal)
        case .failed(let error): throw GatewayFailure(error)
        }
    }

    /// Whether, as far as is known, half of what `limits` give in a minute is left: what can wait leaves that to others.
    func hasRoom(_ limits: [LimitSetting]) -> Bool {
        func isHalfLeft(_ remaining: Double?, of maximum: Int?) -> Bool {
            guard let remaining, let maximum else { return true }
            return remaining * 2 >= Double(maximum)
        }
        return state.withLock { state in
            limits.allSatisfy { limit in
                guard let allowance = state.subjects[limit.id]?.allowance else { return true }
                return isHalfLeft(allowance.remainingRequests(at: now), of: allowance.limits.requestsPerMinute)
                    && isHalfLeft(allowance.remainingTokens(at: now), of: allowance.limits.tokensPerMinute)
            }
        }
    }

    /// Work of a request is over: it holds `slots` less, and used `surplus` tokens less than it took.
    func ended(_ limits: [LimitSetting], slots: Int, surplus: Int) {
        let frees = state.withLock { state in
            var frees = false
            for limit in limits {
                state.subjects[limit.id]?.allowance.ended(slots: slots, surplus: surplus, at: now)
                if slots > 0, limit.concurrency != nil { frees = true }
            }
            return frees
        }
        // Another gateway may need the slot.
        if frees { ring.yield() }
    }

    /// What is left of `limits`, as OpenAI's clients are told.
    func headers(_ limits: [LimitSetting]) -> [(name: String, value: String)] {
        let (requests, tokens) = state.withLock { state in
            var (requests, tokens): ([RateHeaders.Level], [RateHeaders.Level]) = ([], [])
            for limit in limits {
                guard let allowance = state.subjects[limit.id]?.allowance else { continue }
                if let maximum = allowance.limits.requestsPerMinute {
                    let left = allowance.remainingRequests(at: now) ?? Double(maximum)
                    requests.append(.init(maximum: maximum, remaining: left))
                }
                if let maximum = allowance.limits.tokensPerMinute {
                    let left = allowance.remainingTokens(at: now) ?? Double(maximum)
                    tokens.append(.init(maximum: maximum, remaining: left))
                }
            }
            return (requests, tokens)
        }
        return RateHeaders.headers("requests", requests) + RateHeaders.headers("tokens", tokens)
    }

    // MARK: Grants

    /// Works until cancelled: requests that end after a graceful shutdown has begun give back what they took, too.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.ask() }
            group.addTask { await self.keepTime() }
        }
        fail(QueueError(.unavailable, "The gateway ends."), of: nil)
    }

    private func keepTime() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.tick) } catch { return }
            let isBusy = state.withLock { state in
                for (id, subject) in state.subjects
                where subject.allowance.isIdle && subject.waiting.isEmpty && now - subject.seen > Self.memory {
                    state.subjects[id] = nil
                }
                return !state.subjects.isEmpty
            }
            if isBusy { ring.yield() }
        }
    }

    private func ask() async {
        for await _ in bell {
            while !Task.isCancelled {
                let (requests, decided) = nextRequests()
                for pending in decided { pending.continuation.resume(returning: pending.outcome) }
                guard !requests.isEmpty else { break }
                do {
                    granted(try await queue.takeGrants(gateway: gateway, requests), asked: requests)
                } catch {
                    logger.debug("Limits could not be asked for.", metadata: ["error": "\(error)"])
                    fail(error, of: requests.map(\.limit))
                    break
                }
            }
        }
    }

    /// What to ask for, and the requests that wait no longer because what they wait for was given back meanwhile.
    private func nextRequests() -> (requests: [GrantRequest], decided: [Pending]) {
        state.withLock { state in
            var requests: [GrantRequest] = []
            var decided: [Pending] = []
            for id in Array(state.subjects.keys) {
                guard requests.count < Self.subjectsPerStatement, var subject = state.subjects[id] else { continue }
                subject.asking = subject.waiting.count
                guard let ask = subject.allowance.ask(at: now) else {
                    decided += decide(subject, id, &state)
                    continue
                }
                state.subjects[id] = subject
                requests.append(
                    GrantRequest(
                        limit: id, requests: Int32(clamping: ask.requests),
                        requestsBack: Int32(clamping: ask.requestsBack), tokens: Int64(ask.tokens),
                        tokensBack: Int64(ask.tokensBack), slots: Int32(clamping: ask.slots)))
            }
            return (requests, decided)
        }
    }

    /// Decides the requests of `subject` that the ask was for. Returns those that wait for nothing else.
    private func decide(_ subject: Subject, _ id: Int32, _ state: inout State) -> [Pending] {
        var subject = subject
        let waiting = subject.waiting.prefix(subject.asking)
        subject.waiting.removeFirst(waiting.count)
        subject.asking = 0
        let verdicts = waiting.map { ($0.ticket, subject.allowance.decides($0.cost, at: now)) }
        state.subjects[id] = subject
        return verdicts.compactMap { settle($0.0, id, $0.1, &state) }
    }

    private func granted(_ answers: [GrantAnswer], asked: [GrantRequest]) {
        let answers = Dictionary(answers.map { ($0.setting.id, $0) }, uniquingKeysWith: { $1 })
        let decided = state.withLock { state in
            var decided: [Pending] = []
            for request in asked {
                guard var subject = state.subjects[request.limit] else { continue }
                if let answer = answers[request.limit] {
                    subject.allowance.granted(Allowance.Grant(answer), at: now)
                    subject.allowance.changed(to: RateLimits(answer.setting))
                } else {
                    subject.allowance.removed()
                }
                decided += decide(subject, request.limit, &state)
            }
            return decided
        }
        for pending in decided { pending.continuation.resume(returning: pending.outcome) }
    }

    /// One of the limits a request waits for has decided. Returns the request when all have.
    private func settle(
        _ ticket: Int, _ limit: Int32, _ verdict: Allowance.Verdict, _ state: inout State
    ) -> Pending? {
        guard var pending = state.pending[ticket] else { return nil }
        pending.open.remove(limit)
        switch verdict {
        case .admitted: pending.admitted.append(limit)
        case .refused(let refusal): pending.outcome = .refused(refusal)
        case .waits: break
        }
        guard pending.open.isEmpty else {
            state.pending[ticket] = pending
            return nil
        }
        state.pending[ticket] = nil
        if case .admitted = pending.outcome { return pending }
        for id in pending.admitted { state.subjects[id]?.allowance.returned(pending.cost) }
        return pending
    }

    /// The database did not answer about `limits`; nil: it never will.
    private func fail(_ error: QueueError, of limits: [Int32]?) {
        let failed = state.withLock { state in
            var failed: [Pending] = []
            for id in limits ?? Array(state.subjects.keys) {
                guard var subject = state.subjects[id] else { continue }
                subject.allowance.failed()
                let waiting = subject.waiting
                (subject.waiting, subject.asking) = ([], 0)
                for waiter in waiting { subject.allowance.withdrawn(waiter.cost) }
                state.subjects[id] = subject
                for waiter in waiting {
                    guard var pending = state.pending[waiter.ticket] else { continue }
                    pending.outcome = .failed(error)
                    pending.open.remove(id)
                    state.pending[waiter.ticket] = pending.open.isEmpty ? nil : pending
                    guard pending.open.isEmpty else { continue }
                    for id in pending.admitted { state.subjects[id]?.allowance.returned(pending.cost) }
                    failed.append(pending)
                }
            }
            return failed
        }
        for pending in failed { pending.continuation.resume(returning: pending.outcome) }
    }
}

extension RateLimits {
    init(_ setting: LimitSetting) {
        self.init(
            requestsPerMinute: setting.requestsPerMinute.map(Int.init),
            tokensPerMinute: setting.tokensPerMinute.map(Int.init), concurrency: setting.concurrency.map(Int.init))
    }
}

extension Allowance.Grant {
    fileprivate init(_ answer: GrantAnswer) {
        self.init(
            requests: Int(answer.requests), tokens: Int(answer.tokens), slots: Int(answer.slots),
            requestsLeft: answer.requestsLeft, tokensLeft: answer.tokensLeft)
    }
}

extension GatewayFailure {
    fileprivate init(_ refusal: RateRefusal) {
        let (what, type) =
            switch refusal.limit {
            case .requests: ("requests per minute", "requests")
            case .tokens: ("tokens per minute", "tokens")
            case .concurrency: ("requests at a time", "requests")
            }
        let advice = refusal.retryAfter.map { "Try again in \(RateHeaders.text($0))." } ?? "Ask for less at once."
        self.init(
            status: .tooManyRequests, message: "The limit of \(refusal.maximum) \(what) is reached. \(advice)",
            type: type, code: "rate_limit_exceeded")
        retryAfter = refusal.retryAfter.map(RateHeaders.retryAfter)
    }
}
