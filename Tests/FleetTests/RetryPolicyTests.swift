import Domain
import Fleet
import Testing

struct RetryPolicyTests {
    private let policy = RetryPolicy(base: .seconds(1), cap: .seconds(300))

    private func decide(
        _ errorClass: ErrorClass, failures: Int, of maximum: Int = 5, retryAfter: Duration? = nil, seed: UInt64 = 1
    ) -> RetryPolicy.Decision {
        var generator = SeededGenerator(seed: seed)
        return policy.decide(
            errorClass, failures: failures, maximumAttempts: maximum, retryAfter: retryAfter, using: &generator)
    }

    private func wait(_ decision: RetryPolicy.Decision) -> Duration? {
        if case .retry(let wait) = decision { wait } else { nil }
    }

    @Test(arguments: ErrorClass.allCases)
    func `only the caller's faults are never retried`(errorClass: ErrorClass) {
        let isRetried = wait(decide(errorClass, failures: 1)) != nil
        #expect(isRetried == ![.invalidRequest, .unsupported].contains(errorClass))
    }

    @Test(arguments: ErrorClass.allCases)
    func `the last attempt is the last`(errorClass: ErrorClass) {
        #expect(decide(errorClass, failures: 5) == .fail)
        #expect(decide(errorClass, failures: 1, of: 1) == .fail)
        #expect(decide(errorClass, failures: 6, retryAfter: .seconds(9)) == .fail)
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (9, 256), (10, 300), (1_000_000, 300)])
    func `the ceiling doubles up to the cap`(failures: Int, seconds: Int) {
        #expect(policy.ceiling(failures: failures) == .seconds(seconds))
    }

    @Test func `waits are anywhere below the ceiling, and spread`() throws {
        for failures in 1...12 {
            let ceiling = policy.ceiling(failures: failures)
            let waits = (0..<1000).compactMap {
                wait(decide(.retryable, failures: failures, of: 100, seed: UInt64($0 * 13 + failures)))
            }
            #expect(waits.count == 1000)
            #expect(waits.allSatisfy { $0 >= .zero && $0 <= ceiling })
            let mean = waits.reduce(.zero, +) / 1000
            #expect(mean > ceiling * 0.4 && mean < ceiling * 0.6)
            #expect(try #require(waits.min()) < ceiling * 0.02)
        }
    }

    @Test(arguments: [ErrorClass.rateLimited, .overloaded])
    func `a busy upstream rests at least the base`(errorClass: ErrorClass) throws {
        for seed in 0..<500 {
            let found = try #require(wait(decide(errorClass, failures: 1, seed: UInt64(seed))))
            #expect(found >= .seconds(1))
        }
    }

    @Test func `what the upstream asks for is the least, up to an hour`() throws {
        for seed in 0..<200 {
            let asked = try #require(
                wait(decide(.rateLimited, failures: 1, retryAfter: .seconds(42), seed: UInt64(seed))))
            #expect(asked == .seconds(42))
        }
        #expect(wait(decide(.rateLimited, failures: 1, retryAfter: .seconds(1_000_000))) == .seconds(3_600))
        let negative = try #require(wait(decide(.retryable, failures: 1, retryAfter: .seconds(-5))))
        #expect(negative >= .zero)
    }

    @Test func `a history ends after the maximum of failures`() {
        for seed in 0..<1000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let maximum = Int.random(in: 1...20, using: &generator)
            var failures = 0
            var total = Duration.zero
            while true {
                failures += 1
                let errorClass = ErrorClass.allCases.filter { !$0.isCallersFault }.randomElement(using: &generator)
                let decision = policy.decide(
                    errorClass ?? .retryable, failures: failures, maximumAttempts: maximum, using: &generator)
                guard case .retry(let wait) = decision else { break }
                total += wait
            }
            #expect(failures == maximum)
            #expect(total <= policy.cap * maximum)
        }
    }

    @Test func `senseless limits do no harm`() {
        let policy = RetryPolicy(base: .seconds(-1), cap: .seconds(-2))
        var generator = SeededGenerator(seed: 1)
        let decision = policy.decide(.timeout, failures: 1, maximumAttempts: 2, using: &generator)
        #expect(decision == .retry(after: .zero))
        #expect(RetryPolicy(base: .seconds(9), cap: .seconds(3)).ceiling(failures: 5) == .seconds(9))
    }
}
