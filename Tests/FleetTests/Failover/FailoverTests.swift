import Domain
import Fleet
import Testing

struct FailoverTests {
    private let policy = FailoverPolicy(
        retry: RetryPolicy(base: .seconds(1), cap: .seconds(60)),
        chain: FallbackChain("large", standIns: ["small", "tiny"]))

    private func decide(
        _ errorClass: ErrorClass, tried: Set<String> = ["a"], failures: Int = 1, model: String = "large",
        parts: [String: Double] = ["a": 0.5, "b": 0.5], retryAfter: Duration? = nil, credit: Bool = true,
        seed: UInt64 = 1
    ) -> FailoverPolicy.Decision {
        var generator = SeededGenerator(seed: seed)
        var budget = RetryBudget()
        if !credit { while budget.spend(at: .zero) {} }
        return policy.decide(
            .init(
                errorClass, model: model, tried: tried, failures: failures, maximumAttempts: 5, retryAfter: retryAfter),
            parts: parts, budget: &budget, at: .zero, using: &generator)
    }

    private func wait(_ decision: FailoverPolicy.Decision) -> Duration? {
        if case .backOff(let wait) = decision { wait } else { nil }
    }

    @Test(arguments: ErrorClass.allCases)
    func `every class in every situation`(errorClass: ErrorClass) {
        let isFinal = errorClass.isCallersFault
        #expect(decide(errorClass) == (isFinal ? .fail : .failOver(to: "b")))
        #expect((wait(decide(errorClass, tried: ["a", "b"])) != nil) == !isFinal)
        #expect((wait(decide(errorClass, credit: false)) != nil) == !isFinal)
        let standIn = Degradation(requested: "large", served: "small", position: 1)
        #expect(decide(errorClass, failures: 5) == (isFinal ? .fail : .fallBack(standIn)))
        #expect(decide(errorClass, parts: ["a": 0, "b": 0]) == (isFinal ? .fail : .fallBack(standIn)))
        #expect(decide(errorClass, failures: 5, model: "tiny") == .fail)
        // The last of the chain has nothing in service: it is waited for.
        #expect((wait(decide(errorClass, model: "tiny", parts: [:])) != nil) == !isFinal)
    }

    @Test func `a rest asked for binds who asked, not the others`() throws {
        #expect(decide(.rateLimited, retryAfter: .seconds(50)) == .failOver(to: "b"))
        let back = try #require(wait(decide(.rateLimited, tried: ["a", "b"], retryAfter: .seconds(50))))
        #expect(back == .seconds(50))
    }

    @Test func `without credit nothing is immediate`() throws {
        for seed in 0..<300 {
            #expect(try #require(wait(decide(.retryable, credit: false, seed: UInt64(seed)))) >= .seconds(1))
        }
    }

    @Test func `fail-over follows the shares, and never goes where it was or where nobody is`() {
        var counts: [String: Int] = [:]
        for seed in 0..<10_000 {
            let parts = ["a": 0.4, "b": 0.3, "c": 0.1, "d": 0, "e": 0.2]
            if case .failOver(let name) = decide(.timeout, tried: ["a", "e"], parts: parts, seed: UInt64(seed)) {
                counts[name, default: 0] += 1
            }
        }
        #expect(Set(counts.keys) == ["b", "c"])
        #expect((7_350...7_650).contains(counts["b"] ?? 0))
    }

    @Test func `a chain is followed once, from the model that was asked for`() {
        let chain = FallbackChain("large", standIns: ["small", "large", "small", "tiny", "x", "y", "z"])
        #expect(chain.standIns == ["small", "tiny", "x", "y"])
        #expect(chain.next(after: "small")?.served == "tiny" && chain.next(after: "y") == nil)
        #expect(chain.next(after: "stranger") == nil && FallbackChain("m").next(after: "m") == nil)
        #expect(chain.next(after: "small")?.sentence == "tiny answers in place of large (stand-in 2)")
    }

    @Test func `a budget lets a fifth more through, not a storm`() {
        var generator = SeededGenerator(seed: 3)
        var budget = RetryBudget()
        var (requests, retries) = (0, 0)
        // An hour in which every request fails, and every failure is tried again.
        for second in 0..<3_600 {
            let count = Int.random(in: 400...600, using: &generator)
            requests += count
            budget.earn(requests: count, at: .seconds(second))
            for _ in 0..<count where budget.spend(at: .seconds(second)) { retries += 1 }
        }
        let ratio = Double(retries) / Double(requests)
        #expect(ratio > 0.19 && ratio < 0.24)
        #expect(budget.balance >= 0)
    }

    @Test func `what was earned fades, the allowance is capped`() {
        var budget = RetryBudget()
        #expect(budget.balance == 100)
        budget.earn(requests: 10_000, at: .zero)
        #expect(budget.balance == 2_100)
        budget.earn(requests: 0, at: .seconds(100))
        #expect(budget.balance < 101 && budget.balance >= 100)
        while budget.spend(at: .seconds(100)) {}
        #expect(budget.balance < 1)
        budget.earn(requests: 0, at: .seconds(101))
        #expect(budget.balance >= 10)
    }

    @Test func `every job ends, and no history makes more attempts than it may`() {
        for seed in 0..<2_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var budget = RetryBudget()
            var model = "large"
            var (tried, failures, attempts): (Set<String>, Int, Int) = ([], 0, 0)
            var now = Duration.zero
            job: while true {
                var parts: [String: Double] = [:]
                for name in ["a", "b", "c"] { parts[name] = [0.0, 0.3, 0.7].randomElement(using: &generator) ?? 0 }
                tried.insert(parts.keys.sorted().randomElement(using: &generator) ?? "a")
                failures += 1
                attempts += 1
                let failed = FailedAttempt(
                    ErrorClass.allCases.filter { !$0.isCallersFault }.randomElement(using: &generator) ?? .timeout,
                    model: model, tried: tried, failures: failures, maximumAttempts: 4)
                switch policy.decide(failed, parts: parts, budget: &budget, at: now, using: &generator) {
                case .failOver(let name): #expect(!tried.contains(name) && (parts[name] ?? 0) > 0)
                case .backOff(let wait):
                    #expect(wait >= .zero && wait <= .seconds(60))
                    now += wait
                case .fallBack(let mark):
                    #expect(mark.requested == "large" && mark.served != model)
                    (model, tried, failures) = (mark.served, [], 0)
                case .fail:
                    #expect(model == "tiny" && failures == 4)
                    break job
                }
                #expect(failures < 4 || model != "tiny")
            }
            #expect(attempts <= 12)
        }
    }
}

struct HedgeTests {
    private func latencies(_ count: Int) -> LatencyHistogram {
        OutcomeSummary.of(ok: count, seconds: 2).latencies
    }

    @Test func `it is off, and then only for who waits, when there is somebody else and enough is known`() {
        var policy = HedgePolicy()
        let parts = ["a": 0.5, "b": 0.5]
        func wait(
            _ parts: [String: Double], priority: Priority = .interactive, count: Int = 200
        ) -> Duration? {
            policy.wait(priority: priority, latencies: latencies(count), parts: parts, running: "a")
        }
        #expect(wait(parts) == nil)
        policy.isEnabled = true
        #expect(wait(parts) == .seconds(2.125))
        #expect(wait(parts, priority: .normal) == nil && wait(parts, priority: .batch) == nil)
        #expect(wait(parts, count: 99) == nil)
        #expect(wait(["a": 1]) == nil && wait(["a": 0.5, "b": 0]) == nil)
        policy.minimumWait = .seconds(9)
        #expect(wait(parts) == .seconds(9))
    }

    @Test func `it costs at most a twentieth`() {
        var budget = HedgePolicy().makeBudget(at: .zero)
        var hedges = 0
        for second in 0..<1_000 {
            budget.earn(requests: 100, at: .seconds(second))
            while budget.spend(at: .seconds(second)) { hedges += 1 }
        }
        #expect(hedges > 4_500 && hedges <= 5_000)
    }
}
