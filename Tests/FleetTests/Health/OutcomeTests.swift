import Domain
import Fleet
import Testing

struct OutcomeTests {
    @Test(arguments: [
        (ErrorClass.invalidRequest, Blame.caller), (.unsupported, .caller), (.workerLost, .nobody),
        (.rateLimited, .overload), (.overloaded, .overload), (.auth, .credentials), (.retryable, .deployment),
        (.fatal, .deployment), (.timeout, .deployment), (.crash, .deployment),
    ])
    func `each class has its blame`(errorClass: ErrorClass, blame: Blame) {
        #expect(errorClass.blame == blame)
        // What DESIGN calls the client's fault is the caller's here, and nothing else is.
        #expect(errorClass.isCallersFault == (blame == .caller))
    }

    @Test func `a summary taken apart and put together is the same`() {
        var summary = OutcomeSummary.of(ok: 7, failed: 3, seconds: 0.02)
        summary.append(.of(ok: 5, failed: 1, as: .rateLimited, seconds: 300, retryAfter: .seconds(9)))
        summary.append(.of(ok: 2, seconds: 0.000_01))
        let run = summary.run
        let again = OutcomeSummary(
            succeeded: summary.succeeded, failed: summary.failed,
            latencies: LatencyHistogram(counts: summary.latencies.counts),
            run: FailureRun(count: run.count, leading: run.leading, trailing: run.trailing, longest: run.longest),
            retryAfter: summary.retryAfter)
        #expect(again == summary && !again.isEmpty && OutcomeSummary().isEmpty)
        for bin in 0..<LatencyHistogram.binCount {
            #expect(LatencyHistogram(counts: [(bin: bin, count: 2)]).counts.map(\.bin) == [bin])
        }
    }

    @Test func `runs joined are the runs of the whole`() {
        for seed in 0..<2_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let outcomes = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
                Int.random(in: 0..<3, using: &generator) > 0
            }
            var (whole, joined, part) = (FailureRun(), FailureRun(), FailureRun())
            for isFailure in outcomes {
                whole.record(isFailure: isFailure)
                part.record(isFailure: isFailure)
                if Bool.random(using: &generator) {
                    joined.append(part)
                    part = FailureRun()
                }
            }
            joined.append(part)
            #expect(joined == whole)
            #expect(whole.longest == outcomes.split(separator: false).map(\.count).max() ?? 0)
            #expect(whole.leading == outcomes.prefix { $0 }.count)
            #expect(whole.trailing == outcomes.reversed().prefix { $0 }.count)
        }
    }

    @Test func `callers' faults, lost workers and overload are neither errors nor successes`() {
        var summary = OutcomeSummary.of(ok: 6, failed: 2)
        for errorClass in [ErrorClass.invalidRequest, .unsupported, .workerLost] {
            summary.append(.of(failed: 50, as: errorClass))
        }
        summary.append(.of(failed: 8, as: .rateLimited, retryAfter: .seconds(7)))
        #expect(summary.judged == 8 && summary.errors == 2 && summary.errorRatio == 0.25)
        #expect(summary.overloads == 8 && summary.overloadRatio == 0.5 && summary.retryAfter == .seconds(7))
        #expect(summary.run.longest == 2 && summary.latencies.count == 6)
    }

    @Test func `a window holds its time and no more`() {
        var window = OutcomeWindow(length: .seconds(60))
        for second in 0..<120 { window.record(.of(ok: 1), at: .seconds(second)) }
        let held = window.total(at: .seconds(119)).succeeded
        #expect(held > 55 && held <= 60)
        #expect(window.total(at: .seconds(150)).succeeded < 30)
        #expect(window.total(at: .seconds(180)).succeeded == 0)
        window.forget()
        #expect(window.total(at: .seconds(119)) == OutcomeSummary())
    }
}
