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
        let decision = scaler.decide(
            look(100) {
                $0.ready = 5
                $0.running = 4
            })
        #expect(decision.desired == 4)
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
