import FoundationEssentials
import Testing

@testable import Fleet

/// Single decisions: a rule and looks in, a number and its cause out.
@Suite struct AutoscalerTests {
    private func rule(_ change: (inout ScalingRule) -> Void = { _ in }) -> ScalingRule {
        var rule = ScalingRule()
        rule.maxWorkers = 20
        rule.forecast = false
        change(&rule)
        return rule
    }

    private func look(_ second: Double, _ change: (inout ScalingObservation) -> Void = { _ in }) -> ScalingObservation {
        var look = ScalingObservation(time: .seconds(second))
        change(&look)
        return look
    }

    @Test func nothingToDoIsNoWorker() {
        var scaler = Autoscaler(rule: rule())
        let decision = scaler.decide(look(0))
        #expect(decision.desired == 0)
        #expect(decision.cause == .enough)
        #expect(!decision.hasChanged)
    }

    @Test func theFirstJobGetsAWorker() {
        var scaler = Autoscaler(rule: rule())
        let decision = scaler.decide(
            look(0) {
                $0.arrivals = 1
                $0.waiting = [.init(age: .zero, count: 1)]
            })
        #expect(decision.desired == 1)
        #expect(decision.hasChanged)
        #expect(decision.reason.hasPrefix("0 → 1 worker: "))
        #expect(decision.inputs.contains { $0.name == "waiting" && $0.value == 1 })
    }

    @Test func missingDataHolds() {
        var scaler = Autoscaler(rule: rule(), desired: 4)
        let decision = scaler.decide(look(0) { $0.isComplete = false })
        #expect(decision.desired == 4)
        #expect(decision.cause == .heldWithoutData)
        #expect(!decision.hasChanged)
    }

    @Test(arguments: [
        (Scaler.requestCount(perWorker: 2), 4), (.utilization(target: 0.5), 14), (.query(perWorker: 10), 3),
    ])
    func computedScalers(_ scaler: Scaler, _ expected: Int) {
        var autoscaler = Autoscaler(rule: rule { $0.scaler = scaler })
        let decision = autoscaler.decide(
            look(0) {
                $0.running = 3
                $0.ready = 3
                $0.waiting = [.init(age: .seconds(3), count: 4)]
                $0.query = 25
            })
        #expect(decision.desired == expected)
    }

    @Test func aQueryWithoutANumberHolds() {
        var scaler = Autoscaler(rule: rule { $0.scaler = .query(perWorker: 1) }, desired: 2)
        #expect(scaler.decide(look(0)).desired == 2)
        #expect(scaler.decide(look(1) { $0.query = .nan }).desired == 2)
    }

    @Test func theScheduleAlone() throws {
        let window = ScheduleWindow(minutes: try CronPattern("* 8-17 * * *"), minWorkers: 5)
        var scaler = Autoscaler(
            rule: rule {
                $0.scaler = .schedule
                $0.schedule = [window]
            }, epoch: 7 * 3600 + 3590)
        #expect(scaler.decide(look(0)).desired == 0)
        let decision = scaler.decide(look(11))
        #expect(decision.desired == 5)
        #expect(decision.cause == .schedule)
    }

    @Test func upStabilisationWaits() {
        var scaler = Autoscaler(
            rule: rule {
                $0.scaler = .requestCount(perWorker: 1)
                $0.upStabilisation = .seconds(10)
            })
        var counts: [Int] = []
        for second in 0..<13 {
            counts.append(
                scaler.decide(look(Double(second)) { $0.waiting = [.init(age: .zero, count: 3)] }).desired)
        }
        #expect(counts.prefix(10).allSatisfy { $0 == 0 })
        #expect(counts.last == 3)
    }

    @Test func downStabilisationAndIdleTimeout() {
        var scaler = Autoscaler(
            rule: rule {
                $0.scaler = .requestCount(perWorker: 1)
                $0.idleTimeout = .seconds(20)
                $0.downStabilisation = .seconds(60)
            }, desired: 0)
        _ = scaler.decide(look(0) { $0.waiting = [.init(age: .zero, count: 3)] })
        var lastAt3 = 0.0
        for second in 1..<120 where scaler.decide(look(Double(second)) { $0.ready = 3 }).desired == 3 {
            lastAt3 = Double(second)
        }
        #expect(79...81 ~= lastAt3)
    }

    @Test func failedStartsPauseTheNext() {
        var scaler = Autoscaler(rule: rule())
        let waiting = [ScalingObservation.Waiting(age: .seconds(40), count: 3)]
        _ = scaler.decide(
            look(0) {
                $0.arrivals = 3
                $0.waiting = waiting
            })
        let decision = scaler.decide(
            look(1) {
                $0.waiting = waiting
                $0.startsFailed = 1
            })
        #expect(decision.desired == 0)
        #expect(decision.cause == .startsFail)
        #expect(scaler.decide(look(7) { $0.waiting = waiting }).desired > 0)
    }

    @Test func whatIsAskedForIsNotBelowWhatIsBusy() {
        var scaler = Autoscaler(rule: rule { $0.idleTimeout = .seconds(1) }, desired: 5)
        func busy(_ second: Double) -> ScalingObservation {
            look(second) {
                $0.ready = 5
                $0.running = 4
            }
        }
        #expect(scaler.decide(busy(100)).desired == 5)
        #expect(scaler.decide(busy(102)).desired == 4)
    }

    @Test(arguments: [
        // Jobs that run, of them batch, jobs that wait; workers.
        (4, 0, 0, 2), (4, 4, 0, 0), (4, 3, 2, 2), (1, 4, 0, 0),
    ])
    func `batch jobs that may not scale ask for no worker while they run, either`(
        running: Int, batch: Int, waiting: Int, workers: Int
    ) {
        for scaler in [Scaler.requestCount(perWorker: 2), .utilization(target: 0.5)] {
            var autoscaler = Autoscaler(
                rule: rule {
                    $0.scaler = scaler
                    $0.slots = 4
                })
            let decision = autoscaler.decide(
                look(0) {
                    $0.running = running
                    $0.runningBatch = batch
                    $0.ready = 1
                    if waiting > 0 { $0.waiting = [.init(age: .zero, count: waiting)] }
                })
            #expect(decision.desired == workers, "\(scaler)")
        }
    }

    /// 1 January 2027 and some: what the database's clock says.
    private static let today = 1_798_800_000.0

    /// Four minutes of two jobs a second with four workers, from a second on.
    private func busy(_ scaler: inout Autoscaler, from start: Double = today) -> ScalingDecision {
        var decision: ScalingDecision?
        for second in 0..<240 {
            decision = scaler.decide(
                look(start + Double(second)) {
                    $0.arrivals = 2
                    $0.ready = 4
                    $0.running = 4
                    $0.runTimes = [.seconds(2), .seconds(2)]
                    $0.startsFinished = second == 5 ? [.seconds(60)] : []
                    $0.startedInTime = 2
                })
        }
        return decision ?? scaler.decide(look(start))
    }

    @Test(arguments: [0.0, 5, 3600]) func `the next controller keeps the levels that this one learned`(
        pause: Double
    ) throws {
        var scaler = Autoscaler(
            rule: rule {
                $0.scaler = .queueDelay(objective: .seconds(10))
                $0.idleTimeout = .seconds(60)
            })
        let before = busy(&scaler).desired
        #expect(before >= 4)
        // Idle for as long as the first controller would have kept them.
        func lastKept(_ scaler: inout Autoscaler, from start: Double) -> Double {
            var last = 0.0
            for second in 0..<600 where scaler.decide(look(start + Double(second)) { $0.ready = 4 }).desired >= 4 {
                last = Double(second)
            }
            return last
        }
        let start = Self.today + 240
        var same = scaler
        var next = Autoscaler(rule: scaler.rule, desired: before)
        next.memory = scaler.memory
        // As it is when nobody has looked yet.
        #expect(next.memory == scaler.memory)
        let kept = lastKept(&same, from: start)
        #expect(kept > 30, "longer than hysteresis alone: \(kept)")
        #expect((lastKept(&next, from: start + pause) - kept).magnitude <= 2)
        // A need that goes on is not one after a gap.
        next = Autoscaler(rule: scaler.rule, desired: before)
        next.memory = scaler.memory
        _ = next.decide(look(start + pause) { ($0.arrivals, $0.ready, $0.running) = (2, 4, 4) })
        #expect(next.levels.map(\.gaps) == scaler.levels.map(\.gaps))
    }

    @Test func `a takeover cuts nothing at once, whatever is known`() {
        for scaler in [Scaler.queueDelay(objective: .seconds(30)), .requestCount(perWorker: 1)] {
            var autoscaler = Autoscaler(
                rule: rule {
                    $0.scaler = scaler
                    $0.downStabilisation = .seconds(60)
                }, desired: 6)
            for second in 0..<60 {
                let decision = autoscaler.decide(look(Self.today + Double(second)) { $0.ready = 6 })
                #expect(decision.desired == 6, "\(scaler) after \(second) s: \(decision.reason)")
            }
            #expect(autoscaler.decide(look(Self.today + 62) { $0.ready = 6 }).desired == 0)
        }
    }

    @Test func `the next controller knows what the hour has cost`() {
        let rule = rule {
            $0.scaler = .requestCount(perWorker: 1)
            $0.budget = 3600
        }
        func look(_ second: Double) -> ScalingObservation {
            self.look(Self.today + second) {
                $0.ready = 10
                $0.waiting = [.init(age: .zero, count: 20)]
            }
        }
        var scaler = Autoscaler(rule: rule)
        for second in 0..<330 { _ = scaler.decide(look(Double(second))) }
        var next = Autoscaler(rule: rule, desired: scaler.desired)
        next.memory = scaler.memory
        let decision = next.decide(look(331))
        #expect(decision.figures.spent == 3290 && decision.desired == 5 && decision.cause == .budget)
    }

    @Test func `what another version learned is not taken`() throws {
        var scaler = Autoscaler(rule: rule())
        _ = busy(&scaler)
        let text = String(decoding: try JSONEncoder().encode(scaler.memory), as: UTF8.self)
        let fresh = Autoscaler(rule: rule()).memory
        for (place, other) in [
            ("\"bins\":[", "\"bins\":[1,"), ("\"history\":[", "\"history\":[[],"), ("\"minutes\":[", "\"minutes\":[0,"),
        ] {
            #expect(text.contains(place))
            let changed = text.replacing(place, with: other)
            let memory = try JSONDecoder().decode(ScalingMemory.self, from: Data(changed.utf8))
            #expect(!memory.isWhole && scaler.memory.isWhole)
            var next = Autoscaler(rule: rule())
            next.memory = memory
            #expect(next.memory == fresh)
            _ = busy(&next)
        }
        // One that did not know the budget yet is whole.
        let older = try JSONDecoder().decode(
            ScalingMemory.self, from: Data(text.replacing("\"budget\"", with: "\"other\"").utf8))
        #expect(older.isWhole && older.budget == nil)
    }

    @Test func itKeepsWhatItLearned() throws {
        var scaler = Autoscaler(rule: rule())
        for second in 0..<200 {
            _ = scaler.decide(
                look(Double(second)) {
                    $0.arrivals = 2
                    $0.ready = 4
                    $0.running = 4
                    $0.runTimes = [.seconds(2), .seconds(2)]
                    $0.startsFinished = second == 5 ? [.seconds(12)] : []
                })
        }
        let memory = scaler.memory
        var next = Autoscaler(rule: rule())
        next.memory = memory
        #expect(next.memory == memory)
        #expect(next.starts.planned == 12)
        #expect(next.runTime == 2)
    }
}
