import Fleet
import Simulation
import Testing

/// The bound with waits: against every schedule of tiny traces, and where it is known.
@Suite struct ClairvoyantBoundTests {
    /// The least cost of all schedules in which each job starts within the objective. With whole times there is one among
    /// the cheapest whose jobs start at whole seconds: for jobs in a given order of starts and ends the cost is piecewise
    /// linear in the starts, under conditions on differences only.
    private func cheapest(_ jobs: [(arrival: Double, service: Double)], start: Double, objective: Int) -> Double {
        var best = Double.infinity
        var delays = Array(repeating: 0, count: jobs.count)
        while true {
            let shifted = zip(jobs, delays).map { ($0.arrival + Double($1), $0.service) }
            best = min(best, ClairvoyantBound(Trace(name: "", jobs: shifted), start: start, objective: 0).zeroWait)
            guard let place = delays.indices.first(where: { delays[$0] < objective }) else { return best }
            delays[place] += 1
            for index in 0..<place { delays[index] = 0 }
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>) func `no schedule of a tiny trace is cheaper`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let count = Int.random(in: 1...5, using: &numbers)
        let jobs = (0..<count).map { _ in
            (
                arrival: Double(Int.random(in: 0...14, using: &numbers)),
                service: Double(Int.random(in: 1...5, using: &numbers))
            )
        }
        let start = Double(Int.random(in: 1...8, using: &numbers))
        let objective = Int.random(in: 1...4, using: &numbers)
        let bound = ClairvoyantBound(Trace(name: "tiny", jobs: jobs), start: start, objective: Double(objective))
        let best = cheapest(jobs, start: start, objective: objective)
        #expect(bound.inTime <= best + 1e-6, "\(jobs), start \(start), objective \(objective)")
        #expect(bound.inTime >= jobs.reduce(start) { $0 + $1.service })
        #expect(best <= bound.zeroWait)
    }

    /// Forty at once, each for 100 s, again an hour later, with hardly a wait: 40 workers, started twice.
    @Test func `bursts that cannot wait are bounded by their starts`() {
        let burst = (0..<40).map { _ in (arrival: 0.0, service: 100.0) }
        let trace = Trace(name: "bursts", jobs: burst + burst.map { ($0.arrival + 3600, $0.service) })
        let bound = ClairvoyantBound(trace, start: 60, objective: 5)
        #expect(bound.zeroWait == 8000 + 2 * 40 * 60)
        // Waits of 5 s allow a fluid of 38.1 workers for 105 s.
        #expect(0.9 * bound.zeroWait...bound.zeroWait ~= bound.inTime, "\(bound)")
    }

    /// The longer jobs may wait the less it is, down to the work on one worker.
    @Test(arguments: 0..<20 as Range<UInt64>) func `it falls with the wait that is allowed`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let jobs = (0..<60).map { _ in
            (
                arrival: Double.random(in: 0...2000, using: &numbers),
                service: Double.random(in: 1...60, using: &numbers)
            )
        }
        let trace = Trace(name: "random", jobs: jobs)
        var last = Double.infinity
        for objective in [0.0, 2, 20, 200, 20_000] {
            let bound = ClairvoyantBound(trace, start: 40, objective: objective)
            // On a grid: a hundredth is its own.
            #expect(bound.inTime <= last * 1.01)
            #expect(bound.inTime <= bound.zeroWait + 1e-6)
            last = bound.inTime
        }
        #expect((last - trace.work - 40).magnitude < 1e-6)
    }

    /// Solved as a linear program with HiGHS at 2 s for a step it is 1.204 and 1.959.
    @Test(arguments: [(25.0, 30.0, 1.204), (90, 15, 1.959)])
    func `it is what the linear program gives`(start: Double, objective: Double, known: Double) throws {
        let trace = try BundledTrace.azureCode.trace()
        let ratio = ClairvoyantBound(trace, start: start, objective: objective).inTime / trace.work
        #expect(known * 0.98...known * 1.03 ~= ratio, "\(ratio)")
    }
}
