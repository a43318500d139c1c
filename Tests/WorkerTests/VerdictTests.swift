import BackendHost
import Domain
import Queue
import Testing

@testable import Worker

struct VerdictTests {
    private let verdict = Verdict(base: .seconds(1), cap: .seconds(8))
    private static let answer = BackendOutcome.succeeded(body: Array("{}".utf8), usage: Usage(promptTokens: 1))
    private static func failure(_ errorClass: ErrorClass, retryAfter: Duration? = nil) -> BackendOutcome {
        .failed(class: errorClass, message: "said no", retryAfter: retryAfter, body: Array(#"{"e":1}"#.utf8))
    }

    @Test(arguments: [nil, WorkerMachine.StopReason.cancelled, .deadline, .timeout, .drain])
    func `an answer is an answer, told to stop or not`(reason: WorkerMachine.StopReason?) {
        let result = verdict.result(of: .sample(1, attempt: 3), outcome: Self.answer, reason: reason)
        #expect(result?.outcome == .succeeded && result?.attempt == 3 && result?.body == Array("{}".utf8))
        #expect(result?.usage?.promptTokens == 1)
    }

    @Test(arguments: [
        (WorkerMachine.StopReason.cancelled, AttemptResult.Outcome.cancelled), (.overtaken, .cancelled),
        (.deadline, .expired),
        (.timeout, .retried),
        (.drain, .released),
    ])
    func `a stopped attempt ends by what it was stopped for`(
        reason: WorkerMachine.StopReason, outcome: AttemptResult.Outcome
    ) {
        #expect(verdict.result(of: .sample(1), outcome: .cancelled, reason: reason)?.outcome == outcome)
        #expect(verdict.stopped(.sample(1), reason).outcome == outcome)
        // A backend that answers a stop with an error has stopped.
        #expect(verdict.result(of: .sample(1), outcome: Self.failure(.retryable), reason: reason)?.outcome == outcome)
    }

    @Test func `what never started is released`() {
        #expect(verdict.stopped(.sample(1), nil).outcome == .released)
    }

    @Test(arguments: [ErrorClass.invalidRequest, .unsupported])
    func `a request that can never work is not tried again`(errorClass: ErrorClass) {
        let result = verdict.result(of: .sample(1), outcome: Self.failure(errorClass), reason: nil)
        #expect(result?.outcome == .failed && result?.errorClass == errorClass && result?.errorMessage == "said no")
        #expect(result?.body == Array(#"{"e":1}"#.utf8))
    }

    @Test func `an upstream's error object is kept up to its bound`() {
        func kept(_ size: Int) -> Int? {
            let body = Array("\"".utf8) + [UInt8](repeating: 0x61, count: size - 2) + Array("\"".utf8)
            let outcome = BackendOutcome.failed(class: .invalidRequest, message: "no", retryAfter: nil, body: body)
            return verdict.result(of: .sample(1), outcome: outcome, reason: nil)?.body?.count
        }
        #expect(kept(AttemptResult.maximumErrorBytes) == AttemptResult.maximumErrorBytes)
        #expect(kept(AttemptResult.maximumErrorBytes + 1) == nil)
    }

    @Test(arguments: [ErrorClass.retryable, .rateLimited, .auth, .overloaded, .fatal])
    func `other failures are retried within the back-off`(errorClass: ErrorClass) throws {
        let result = try #require(
            verdict.result(of: .sample(1, failures: 1), outcome: Self.failure(errorClass), reason: nil))
        #expect(result.outcome == .retried && result.body == nil && result.errorClass == errorClass)
        #expect((.zero...Duration.seconds(2)).contains(result.delay))
    }

    @Test func `the upstream's wish for rest is granted`() {
        let result = verdict.result(
            of: .sample(1), outcome: Self.failure(.rateLimited, retryAfter: .seconds(60)), reason: nil)
        #expect(result?.delay == .seconds(60))
    }

    @Test func `the last allowed failure ends the job`() {
        let job = ClaimedJob.sample(1, attempt: 9, failures: 4, maximumAttempts: 5)
        #expect(verdict.result(of: job, outcome: Self.failure(.retryable), reason: nil)?.outcome == .failed)
        #expect(verdict.result(of: job, outcome: .cancelled, reason: .timeout)?.outcome == .failed)
        // A release counts nothing, however many there were.
        #expect(verdict.result(of: job, outcome: .cancelled, reason: .drain)?.outcome == .released)
    }

    @Test func `a backend that gives up untold has failed`() {
        let result = verdict.result(of: .sample(1), outcome: .cancelled, reason: nil)
        #expect(result?.outcome == .retried && result?.errorClass == .retryable)
    }

    @Test func `of an abandoned call nothing can be said`() {
        #expect(verdict.result(of: .sample(1), outcome: .abandoned, reason: nil) == nil)
    }
}
