import Domain
import Testing

struct HistoryCheckerTests {
    /// A job that is lost once, given back once, and then succeeds.
    private static let good: [HistoryEvent] = [
        .acknowledged(job: 1), .claimed(job: 1, attempt: 1, worker: 10), .leasesLost(worker: 10),
        .finishRefused(job: 1, attempt: 1, worker: 10), .claimed(job: 1, attempt: 2, worker: 11),
        .finishAccepted(job: 1, attempt: 2, worker: 11, isLast: false), .claimed(job: 1, attempt: 3, worker: 12),
        .finishAccepted(job: 1, attempt: 3, worker: 12, isLast: true), .stored(job: 1, attempt: 3, state: .succeeded),
    ]

    private func violations(
        without removed: [HistoryEvent] = [], with added: [HistoryEvent] = []
    ) -> [String] {
        HistoryChecker(Self.good.filter { !removed.contains($0) } + added).violations
    }

    @Test func `a good history is good, in whatever order it was written down`() {
        #expect(violations() == [])
        #expect(HistoryChecker(Self.good.reversed()).violations == [])
        #expect(HistoryChecker(Self.good).duplicates == 1)
    }

    @Test func `a lost job is seen`() {
        #expect(violations(with: [.acknowledged(job: 2)]) == ["job 2: has 0 results"])
        #expect(!violations(without: [.stored(job: 1, attempt: 3, state: .succeeded)]).isEmpty)
    }

    @Test func `a job from nowhere is seen`() {
        #expect(!violations(without: [.acknowledged(job: 1)]).isEmpty)
    }

    @Test func `two results are seen`() {
        #expect(!violations(with: [.stored(job: 1, attempt: 2, state: .failed)]).isEmpty)
    }

    @Test func `two claimers of one attempt are seen`() {
        #expect(!violations(with: [.claimed(job: 1, attempt: 3, worker: 13)]).isEmpty)
    }

    @Test func `a gap in the attempts is seen`() {
        #expect(!violations(without: [.claimed(job: 1, attempt: 1, worker: 10)]).isEmpty)
    }

    @Test func `a zombie that was believed is seen`() {
        #expect(
            !violations(
                without: [.finishRefused(job: 1, attempt: 1, worker: 10)],
                with: [.finishAccepted(job: 1, attempt: 1, worker: 10, isLast: true)]
            ).isEmpty)
    }

    @Test func `an end by somebody else is seen`() {
        #expect(
            !violations(
                without: [.finishAccepted(job: 1, attempt: 3, worker: 12, isLast: true)],
                with: [.finishAccepted(job: 1, attempt: 3, worker: 11, isLast: true)]
            ).isEmpty)
    }

    @Test func `a second end of one attempt is seen`() {
        #expect(!violations(with: [.finishAccepted(job: 1, attempt: 3, worker: 12, isLast: true)]).isEmpty)
    }

    @Test func `an attempt repeated without a loss is seen`() {
        #expect(!violations(without: [.leasesLost(worker: 10)]).isEmpty)
    }

    @Test func `an honest worker that was refused is seen`() {
        #expect(
            !violations(
                without: [.finishAccepted(job: 1, attempt: 3, worker: 12, isLast: true)],
                with: [.finishRefused(job: 1, attempt: 3, worker: 12)]
            ).isEmpty)
    }

    @Test func `a cancelled job that ended otherwise as well is seen`() {
        #expect(!violations(with: [.cancelled(job: 1)]).isEmpty)
    }

    @Test func `a job that never ran may be cancelled`() {
        #expect(
            HistoryChecker([.acknowledged(job: 1), .cancelled(job: 1), .stored(job: 1, attempt: 0, state: .cancelled)])
                .violations == [])
    }

    @Test func `an end nobody made is seen`() {
        #expect(
            !HistoryChecker([.acknowledged(job: 1), .stored(job: 1, attempt: 0, state: .cancelled)]).violations.isEmpty)
    }
}
