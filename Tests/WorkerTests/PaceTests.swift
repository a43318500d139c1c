import Testing

@testable import Worker

struct PaceTests {
    @Test func `a worker that has seen nothing hoards nothing`() { #expect(Pace().jobsPerClaim == 0) }

    @Test func `a slow backend gets no buffer`() {
        var pace = Pace()
        for second in 0..<100 { pace.jobEnded(at: .seconds(second)) }
        #expect(pace.jobsPerClaim == 0)
    }

    @Test func `a fast backend gets a buffer, within its bound`() {
        var pace = Pace()
        for job in 0..<100_000 { pace.jobEnded(at: .microseconds(job * 20)) }
        // 50,000 a second, in 2 ms, twice.
        #expect((150...210).contains(pace.jobsPerClaim))
        for _ in 0..<100 { pace.claimReturned(jobs: 100, asked: 100, latency: .seconds(30)) }
        #expect(pace.jobsPerClaim == 512)
    }

    @Test func `jobs that end in one instant are no rate`() {
        var pace = Pace()
        for _ in 0..<5000 { pace.jobEnded(at: .zero) }
        #expect(pace.jobsPerClaim == 0)
    }
}
