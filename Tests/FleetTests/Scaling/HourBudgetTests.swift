import Testing

@testable import Fleet

@Suite struct HourBudgetTests {
    @Test(arguments: [
        // Budget, worker-seconds spent just now, workers for the next minute.
        (3600.0, 0.0, 60), (3600, 3000, 10), (3600, 3570, 0), (3600, 3600, 0), (3600, 9999, 0), (59, 0, 0), (60, 0, 1),
        (1e9, 0, ScalingRule.workerLimit),
    ])
    func `what is left of the hour is had in the next minute`(budget: Double, spent: Double, workers: Int) {
        var hour = HourBudget()
        hour.spend(spent, at: 100)
        #expect(hour.spent == spent)
        #expect(hour.limit(budget) == workers)
    }

    @Test func `an hour later it is forgotten, and not before`() {
        var hour = HourBudget()
        hour.spend(600, at: 30)
        hour.spend(0, at: 59 * 60 + 59)
        #expect(hour.spent == 600)
        hour.spend(0, at: 60 * 60)
        #expect(hour.spent == 0)
        hour.spend(5, at: 1e9)
        #expect(hour.spent == 5)
        // A clock that goes back takes nothing away.
        hour.spend(5, at: 1e9 - 30)
        #expect(hour.spent == 10)
    }

    /// Against a list of all that was spent, with pauses, jumps and times before the epoch.
    @Test(arguments: 0..<300 as Range<UInt64>) func `it is the sum of the last sixty minutes`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var hour = HourBudget()
        var spent: [(minute: Int, amount: Double)] = []
        var now = Double.random(in: -10_000...10_000, using: &generator)
        for _ in 0..<200 {
            now +=
                Double.random(in: 0..<1, using: &generator) < 0.02
                ? Double.random(in: 0...9000, using: &generator) : Double.random(in: 0...120, using: &generator)
            let amount = Double(Int.random(in: 0...50, using: &generator))
            hour.spend(amount, at: now)
            let minute = Int((now / 60).rounded(.down))
            spent.append((minute, amount))
            let expected = spent.reduce(0) { $0 + ($1.minute > minute - 60 ? $1.amount : 0) }
            guard hour.spent == expected else {
                Issue.record("seed \(seed): \(hour.spent), not \(expected) at \(now)")
                return
            }
        }
    }

    /// Whoever follows the limit from minute to minute never spends more than the budget and one worker's minute.
    @Test(arguments: 0..<300 as Range<UInt64>) func `whoever keeps to the limit keeps the budget`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let budget = Double.random(in: 60...50_000, using: &generator)
        var hour = HourBudget()
        var minutes: [Double] = []
        for minute in 0..<240 {
            let workers = min(hour.limit(budget), Int.random(in: 0...100, using: &generator))
            hour.spend(Double(workers) * 60, at: Double(minute * 60) + 59)
            minutes.append(Double(workers) * 60)
            guard minutes.suffix(60).reduce(0, +) <= budget + 60 else {
                Issue.record("seed \(seed): \(minutes.suffix(60).reduce(0, +)) of \(budget)")
                return
            }
        }
    }
}
