import Testing

@testable import Fleet

@Suite struct StartTimesTests {
    private func seconds(_ times: [Double]) -> [Duration] { times.map { .seconds($0) } }

    @Test(
        arguments: [
            ([], 60.0), ([5], 5), ([5, 7], 7), ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10),
            ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1], 9), ([0, 0], 0.1), ([100, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1),
        ] as [([Double], Double)])
    func `nine starts in ten take no longer than what is planned with`(times: [Double], planned: Double) {
        var starts = StartTimes()
        for time in times { starts.look(at: 0, finished: seconds([time]), failed: 0) }
        #expect(starts.planned == planned)
        #expect(StartTimes(times: times).planned == planned)
    }

    @Test func `only the last fifty count`() {
        var starts = StartTimes()
        starts.look(at: 0, finished: seconds(Array(repeating: 300, count: 80)), failed: 0)
        starts.look(at: 0, finished: seconds(Array(repeating: 4, count: 50)), failed: 0)
        #expect(starts.planned == 4 && starts.times.count == 50)
    }

    @Test func `failed starts make the next wait: five seconds, doubling, five minutes at most`() {
        var starts = StartTimes()
        var pauses: [Double] = []
        for failure in 0..<10 {
            let now = Double(failure) * 1000
            starts.look(at: now, finished: [], failed: 3)
            pauses.append(starts.pausedUntil - now)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300])
        // One that ends well is enough to go on, even beside a failed one.
        starts.look(at: 10_000, finished: seconds([5]), failed: 1)
        #expect(starts.pausedUntil < 0)
        starts.look(at: 10_001, finished: [], failed: 1)
        #expect(starts.pausedUntil == 10_006)
    }

    @Test(arguments: 0..<300 as Range<UInt64>) func `it is one of the times that were seen, high among them`(
        seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        var starts = StartTimes()
        var seen: [Double] = []
        var now = 0.0
        for _ in 0..<100 {
            now += Double.random(in: 0...20, using: &generator)
            let finished = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                Double(Int.random(in: 200...90_000, using: &generator)) / 1000
            }
            let failed = Int.random(in: 0...2, using: &generator)
            starts.look(at: now, finished: seconds(finished), failed: failed)
            seen = (seen + finished).suffix(50)
            guard !seen.isEmpty else { continue }
            let above = seen.count { $0 > starts.planned + 1e-9 }
            guard seen.contains(where: { ($0 - starts.planned).magnitude < 1e-9 }), above * 10 <= seen.count,
                starts.pausedUntil <= now + 300
            else {
                Issue.record("seed \(seed): \(starts.planned) of \(seen)")
                return
            }
        }
    }
}
