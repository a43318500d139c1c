import Testing

@testable import Fleet

@Suite struct StabiliserTests {
    @Test(arguments: [
        // Asked for second by second; the most and the least of the last three seconds.
        ([5, 1, 1, 1, 1, 1], [5, 5, 5, 5, 1, 1], [5, 1, 1, 1, 1, 1]),
        ([1, 2, 3, 2, 1, 0], [1, 2, 3, 3, 3, 3], [1, 1, 1, 1, 1, 0]), ([4], [4], [4]),
    ])
    func `a number must last before it is followed`(counts: [Int], most: [Int], least: [Int]) {
        var up = Stabiliser()
        var down = Stabiliser()
        for (second, count) in counts.enumerated() {
            #expect(down.most(count, at: Double(second), seconds: 3) == most[second])
            #expect(up.least(count, at: Double(second), seconds: 3) == least[second])
        }
    }

    @Test func `without a time it follows at once`() {
        var stabiliser = Stabiliser()
        #expect(stabiliser.most(9, at: 0, seconds: 0) == 9)
        #expect(stabiliser.most(1, at: 0, seconds: 0) == 1)
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func `it is the extreme of the window`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let seconds = Double.random(in: 0.5...60, using: &generator)
        var up = Stabiliser()
        var down = Stabiliser()
        var seen: [(time: Double, count: Int)] = []
        var now = 0.0
        for _ in 0..<200 {
            now += Double.random(in: 0...20, using: &generator)
            let count = Int.random(in: 0...30, using: &generator)
            seen.append((now, count))
            let window = seen.filter { $0.time >= now - seconds }.map(\.count)
            let most = down.most(count, at: now, seconds: seconds)
            let least = up.least(count, at: now, seconds: seconds)
            guard most == window.max(), least == window.min() else {
                Issue.record("seed \(seed): \(least)…\(most) of \(window)")
                return
            }
        }
    }
}
