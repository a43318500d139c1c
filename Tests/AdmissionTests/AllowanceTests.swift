import Admission
import Testing

/// Each state of an allowance and what an event makes of it.
struct AllowanceTests {
    /// An allowance with the buckets it takes from.
    struct Desk {
        var allowance: Allowance
        var buckets: CentralBuckets
        var now = Duration.zero

        init(_ limits: RateLimits) {
            allowance = Allowance(limits)
            buckets = CentralBuckets(limits)
        }

        /// What becomes of a request, its grant included.
        mutating func request(_ cost: RateCost) -> Allowance.Verdict {
            let verdict = allowance.asks(for: cost, at: now)
            guard verdict == .waits else { return verdict }
            exchange()
            return allowance.decides(cost, at: now)
        }

        mutating func exchange() {
            guard let ask = allowance.ask(at: now) else { return }
            allowance.granted(buckets.answer(ask, of: 1, at: now), at: now)
        }

        mutating func ask() -> Allowance.Ask? { allowance.ask(at: now) }
        mutating func ended(surplus: Int = 0) { allowance.ended(slots: 1, surplus: surplus, at: now) }
    }

    private static func refused(_ limit: RateRefusal.Limit, _ maximum: Int, after: Duration?) -> Allowance.Verdict {
        .refused(RateRefusal(limit: limit, maximum: maximum, retryAfter: after))
    }

    private func verdicts(_ desk: inout Desk, _ count: Int, _ cost: RateCost) -> [Allowance.Verdict] {
        (0..<count).map { _ in desk.request(cost) }
    }

    @Test func `a minute's worth is let in at once, then one by one`() {
        var desk = Desk(RateLimits(requestsPerMinute: 3))
        let one = RateCost(requests: 1, slots: 1)
        #expect(verdicts(&desk, 3, one) == [.admitted, .admitted, .admitted])
        #expect(verdicts(&desk, 1, one) == [Self.refused(.requests, 3, after: .seconds(20))])
        desk.now = .seconds(19)
        #expect(verdicts(&desk, 1, one) == [Self.refused(.requests, 3, after: .seconds(1))])
        desk.now = .seconds(20)
        #expect(verdicts(&desk, 2, one) == [.admitted, Self.refused(.requests, 3, after: .seconds(20))])
    }

    @Test func `what is known to be used up is not asked for`() {
        var desk = Desk(RateLimits(requestsPerMinute: 1))
        let one = RateCost(requests: 1)
        #expect(verdicts(&desk, 1, one) == [.admitted])
        #expect(verdicts(&desk, 1, one) != [.admitted])
        desk.now = .seconds(1)
        let verdict = desk.allowance.asks(for: one, at: desk.now)
        #expect(verdict == Self.refused(.requests, 1, after: .seconds(59)))
        let ask = desk.ask()
        #expect(ask == nil)
    }

    @Test func `a grant serves the next requests, too, and goes back when nobody comes`() {
        var desk = Desk(RateLimits(requestsPerMinute: 600))
        let one = RateCost(requests: 1)
        #expect(verdicts(&desk, 1, one) == [.admitted])
        let statement = desk.allowance.asks(for: one, at: desk.now)
        #expect(statement == .admitted, "a second's worth was granted")
        desk.now = .seconds(1)
        let ask = desk.ask()
        #expect(ask == Allowance.Ask(requestsBack: 9))
        #expect(desk.allowance.held.requests == 0)
    }

    @Test func `an ask that failed may have been heard: what went back is gone, a debt is not`() {
        var desk = Desk(RateLimits(requestsPerMinute: 600, tokensPerMinute: 600))
        #expect(verdicts(&desk, 1, RateCost(requests: 1, tokens: 1, slots: 1)) == [.admitted])
        desk.ended(surplus: -50)
        desk.now = .seconds(2)
        let ask = desk.ask()
        #expect(ask == Allowance.Ask(requestsBack: 10, tokensBack: -40))
        desk.allowance.failed()
        #expect(desk.allowance.held == RateCost(tokens: -40))
        let again = desk.ask()
        #expect(again == Allowance.Ask(tokensBack: -40))
    }

    @Test func `tokens are charged as estimated and settled when they are known`() {
        var desk = Desk(RateLimits(tokensPerMinute: 100))
        #expect(verdicts(&desk, 1, RateCost(tokens: 60)) == [.admitted])
        #expect(verdicts(&desk, 1, RateCost(tokens: 60)) == [Self.refused(.tokens, 100, after: .seconds(12))])
        // It used 10 of 60: the rest is there for others.
        desk.ended(surplus: 50)
        #expect(verdicts(&desk, 1, RateCost(tokens: 60)) == [.admitted])
        // It used 260 instead of 60: nobody gets any for two minutes.
        desk.ended(surplus: -200)
        let ask = desk.ask()
        #expect((ask?.tokensBack ?? 0) < 0)
        if let ask { desk.allowance.granted(desk.buckets.answer(ask, of: 1, at: desk.now), at: desk.now) }
        let left = desk.allowance.remainingTokens(at: desk.now)
        #expect((left ?? 0) < 0)
        desk.now = .seconds(60)
        guard case .refused = desk.request(RateCost(tokens: 1)) else {
            Issue.record("the debt is forgotten")
            return
        }
    }

    @Test func `more than the limit at once never works`() {
        var desk = Desk(RateLimits(requestsPerMinute: 2, tokensPerMinute: 10))
        #expect(verdicts(&desk, 1, RateCost(tokens: 11)) == [Self.refused(.tokens, 10, after: nil)])
        #expect(verdicts(&desk, 1, RateCost(requests: 3)) == [Self.refused(.requests, 2, after: nil)])
    }

    @Test func `slots are given back as soon as requests end`() {
        var desk = Desk(RateLimits(concurrency: 2))
        let one = RateCost(slots: 1)
        #expect(
            verdicts(&desk, 3, one) == [.admitted, .admitted, Self.refused(.concurrency, 2, after: .seconds(1))])
        desk.ended()
        let ask = desk.ask()
        #expect(ask?.slots == 1)
    }

    @Test func `who waits for what came back meanwhile needs no grant`() {
        var desk = Desk(RateLimits(tokensPerMinute: 100))
        #expect(verdicts(&desk, 1, RateCost(tokens: 60)) == [.admitted])
        desk.now = .seconds(30)
        let verdict = desk.allowance.asks(for: RateCost(tokens: 60), at: desk.now)
        #expect(verdict == .waits)
        desk.ended(surplus: 60)
        let ask = desk.ask()
        #expect(ask == nil)
        let decided = desk.allowance.decides(RateCost(tokens: 60), at: desk.now)
        #expect(decided == .admitted)
    }

    @Test func `slots are renewed while requests run`() {
        var desk = Desk(RateLimits(concurrency: 2))
        #expect(verdicts(&desk, 1, RateCost(slots: 1)) == [.admitted])
        desk.now = .seconds(4)
        let early = desk.ask()
        #expect(early == nil)
        desk.now = .seconds(5)
        let renewal = desk.ask()
        #expect(renewal == Allowance.Ask(slots: 1))
    }

    @Test func `without limits nothing is asked and everything let in`() {
        var desk = Desk(RateLimits())
        let much = RateCost(requests: 1, tokens: 1_000, slots: 1)
        #expect(verdicts(&desk, 3, much) == [.admitted, .admitted, .admitted])
        let ask = desk.ask()
        #expect(ask == nil)
    }
}
