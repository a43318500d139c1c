import Testing

@testable import Fleet

/// Seeded random histories: jobs, workers that start, fail and end, looks that are missing. Whatever happens, some things
/// stay true.
@Suite struct AutoscalerHistoryTests {
    /// A small fleet that does what the autoscaler says, second by second.
    private struct World {
        var generator: SeededGenerator
        var rule = ScalingRule()
        var scaler: Autoscaler
        var now = 0.0
        var waiting: [Double] = []
        /// Ends of running jobs.
        var running: [(end: Double, length: Double)] = []
        var ready = 0
        var starting: [Double] = []
        let start: Double
        let length: Double
        let burst: Double

        init(seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            rule.maxWorkers = Int.random(in: 1...12, using: &generator)
            rule.minWorkers = Int.random(in: 0...min(2, rule.maxWorkers), using: &generator)
            rule.slots = [1, 1, 4][Int.random(in: 0...2, using: &generator)]
            let objective = Double.random(in: 1...60, using: &generator)
            rule.scaler =
                [
                    .queueDelay(objective: .seconds(objective)), .queueDelay(objective: .seconds(objective)),
                    .requestCount(perWorker: 2), .utilization(target: 0.7),
                ][Int.random(in: 0...3, using: &generator)]
            if Bool.random(using: &generator) {
                rule.budget = Double(max(1, rule.minWorkers)) * Double.random(in: 4000...10_000, using: &generator)
            }
            scaler = Autoscaler(rule: rule)
            start = Double.random(in: 1...50, using: &generator)
            length = Double.random(in: 0.5...20, using: &generator)
            burst = Double.random(in: 0.001...0.05, using: &generator)
        }

        mutating func second() -> (ScalingObservation, ScalingDecision) {
            var look = ScalingObservation(time: .seconds(now))
            for job in running where job.end <= now { look.runTimes.append(.seconds(job.length)) }
            running.removeAll { $0.end <= now }
            for began in starting where now - began >= start {
                if Double.random(in: 0..<1, using: &generator) < 0.1 {
                    look.startsFailed += 1
                } else {
                    look.startsFinished.append(.seconds(start))
                    ready += 1
                }
            }
            starting.removeAll { now - $0 >= start }
            if Double.random(in: 0..<1, using: &generator) < burst {
                look.arrivals = Int.random(in: 1...15, using: &generator)
                waiting += Array(repeating: now, count: look.arrivals)
            }
            while !waiting.isEmpty, running.count < ready * rule.slots {
                if now - waiting.removeFirst() <= 30 { look.startedInTime += 1 } else { look.startedLate += 1 }
                let length = length * Double.random(in: 0.2...2, using: &generator)
                running.append((now + length, length))
            }
            look.running = running.count
            look.ready = ready
            look.busyWorkers = min(ready, running.count)
            look.starting = starting.map { .seconds(now - $0) }
            look.waiting = waiting.prefix(ScalingObservation.groupLimit).map {
                .init(age: .seconds(now - $0), count: 1)
            }
            look.isComplete = Double.random(in: 0..<1, using: &generator) > 0.02
            let decision = scaler.decide(look)
            follow(decision.desired)
            now += 1
            return (look, decision)
        }

        private mutating func follow(_ desired: Int) {
            while ready + starting.count < desired { starting.append(now) }
            while ready + starting.count > desired, !starting.isEmpty { starting.removeLast() }
            let busy = (running.count + rule.slots - 1) / rule.slots
            while ready + starting.count > max(desired, busy) { ready -= 1 }
        }
    }

    @Test func invariants() {
        for seed in 0..<1000 as Range<UInt64> {
            var world = World(seed: seed)
            var before = 0
            var lastRise = -Double.infinity
            var minutes: [Double] = []
            for second in 0..<150 {
                let paid = Double(world.ready + world.starting.count)
                let (look, decision) = world.second()
                let time = Double(second)
                // Bounds are never left.
                guard world.rule.minWorkers...world.rule.maxWorkers ~= decision.desired || !look.isComplete else {
                    Issue.record("seed \(seed): \(decision.desired) workers at \(second) s")
                    return
                }
                // No decision on missing data.
                if !look.isComplete {
                    guard decision.desired == before, !decision.hasChanged else {
                        Issue.record("seed \(seed): decided without data at \(second) s")
                        return
                    }
                }
                guard decision.hasChanged == (decision.desired != before) else {
                    Issue.record("seed \(seed): says a change at \(second) s")
                    return
                }
                // No flapping: what was just started for a need is not given back at once.
                if decision.desired > before { lastRise = time }
                let isForced = decision.cause == .budget || decision.cause == .startsFail
                if decision.desired < before, !isForced, time - lastRise < 2, before <= look.ready + look.starting.count
                {
                    Issue.record("seed \(seed): \(before) → \(decision.desired) at \(second) s, \(decision.reason)")
                    return
                }
                before = decision.desired
                // The budget of the hour; what is busy may end its jobs.
                if second % 60 == 0 { minutes.append(0) }
                minutes[minutes.count - 1] += paid
                if let budget = world.rule.budget {
                    let slack = 60 * Double(world.rule.maxWorkers) + Double(world.rule.minWorkers) * 3600
                    guard minutes.suffix(60).reduce(0, +) <= budget + slack else {
                        Issue.record("seed \(seed): over budget at \(second) s")
                        return
                    }
                }
            }
        }
    }

    @Test func neverTwoStartsForOneJob() {
        for seed in 0..<500 as Range<UInt64> {
            var world = World(seed: seed)
            world.rule.minWorkers = 0
            world.rule.scaler = .queueDelay(objective: .seconds(120))
            world.rule.budget = nil
            world.scaler = Autoscaler(rule: world.rule)
            var arrived = 0
            for second in 0..<100 {
                let (look, decision) = world.second()
                arrived += look.arrivals
                // Starting ones are counted: never more workers than jobs that ever came.
                guard decision.desired <= arrived else {
                    Issue.record("seed \(seed): \(decision.desired) workers for \(arrived) jobs at \(second) s")
                    return
                }
            }
        }
    }

    @Test func theSameLooksGiveTheSameDecisions() {
        for seed in 0..<50 as Range<UInt64> {
            var one = World(seed: seed)
            var other = World(seed: seed)
            for _ in 0..<100 { #expect(one.second().1 == other.second().1) }
        }
    }
}
