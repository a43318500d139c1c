import Fleet
import Simulation
import Testing

/// Cases small enough to be worked out by hand.
@Suite struct SimulatedFleetTests {
    private let setting: FleetSetting = {
        var setting = FleetSetting()
        setting.coldStart = Spread(median: 25)
        setting.objective = 30
        return setting
    }()

    @Test func oneWorkerRunsTwoJobsOneAfterTheOther() {
        // Started at 0, ready at 25; jobs of 10 s at 0 and 5 run 25–35 and 35–45.
        let trace = Trace(name: "two", jobs: [(0, 10), (5, 10)])
        let report = SimulatedFleet.run(trace, FixedSize(workers: 1), setting)
        #expect(report.workerSeconds == 45)
        #expect(report.starts == 1)
        #expect(report.wait(quantile: 0.5) == 25)
        #expect(report.wait(quantile: 1) == 30)
        #expect(report.attainment == 1)
        #expect(report.costRatio == 2.25)
    }

    @Test func slotsShareAWorker() {
        var setting = setting
        setting.slots = 2
        let report = SimulatedFleet.run(Trace(name: "two", jobs: [(0, 10), (5, 10)]), FixedSize(workers: 1), setting)
        #expect(report.workerSeconds == 35)
        #expect(report.wait(quantile: 1) == 25)
    }

    @Test func failedStartsArePaidFor() {
        var setting = setting
        setting.startFailures = 1
        let report = SimulatedFleet.run(Trace(name: "one", jobs: [(0, 1)]), FixedSize(workers: 1), setting)
        #expect(report.unserved == 1)
        #expect(report.attainment == 0)
        #expect(report.failedStarts > 1000)
        #expect(report.workerSeconds > 70_000)
    }

    /// One job every 100 s: RunPod's delay scaler starts one for each after 4 s (5 s: looks are a second apart) and keeps it
    /// 5 s.
    @Test func runPodStartsOneForARequestOverTheThreshold() {
        let trace = Trace(name: "sparse", jobs: (0..<5).map { (Double($0) * 100 + 0.5, 1) })
        let report = SimulatedFleet.run(trace, RunPodDelayPolicy(), setting)
        #expect(report.starts == 5)
        // Asked for at 5 s, ready at 30 s: a wait of 29.5 s.
        #expect(report.wait(quantile: 1) == 29.5)
    }

    @Test func runPodCountsRequests() {
        let trace = Trace(name: "burst", jobs: (0..<7).map { _ in (0.5, 100) })
        let report = SimulatedFleet.run(trace, RunPodCountPolicy(value: 2), setting, keepsTimeline: true)
        #expect(report.timeline.map(\.desired).max() == 4)
    }

    /// From nothing KEDA's poll starts one, the next loop of the HPA at most four more, then twice as many.
    @Test func kedaGoesUpByTheHPAsPolicies() {
        let trace = Trace(name: "burst", jobs: (0..<40).map { _ in (1, 1000) })
        let report = SimulatedFleet.run(trace, KEDAPolicy(), setting, keepsTimeline: true)
        let desired = report.timeline.prefix(8).map(\.desired)
        #expect(desired == [0, 0, 1, 5, 10, 20, 40, 40])
    }

    @Test func kedaKeepsWithinItsToleranceAndGoesDownAfterTheWindow() {
        // 10 jobs until 400 s, then one: the HPA keeps 10 for the 300 s of its window.
        let jobs = (0..<9).map { _ in (1.0, 400.0) } + [(1.0, 2000.0)]
        let report = SimulatedFleet.run(Trace(name: "step", jobs: jobs), KEDAPolicy(), setting, keepsTimeline: true)
        func desired(at time: Double) -> Int? { report.timeline.last { $0.time <= time }?.desired }
        #expect(desired(at: 420) == 10)
        #expect(desired(at: 690) == 10)
        #expect(desired(at: 800) == 1)
    }

    /// Ten jobs waiting at once are more than twice what is ready: panic, ceil(10 / 0.7) workers.
    @Test func knativePanicsOnABurst() {
        let trace = Trace(name: "burst", jobs: (0..<10).map { _ in (0.5, 300) })
        let report = SimulatedFleet.run(trace, KnativePolicy(), setting, keepsTimeline: true)
        #expect(report.timeline.map(\.desired).max() == 15)
        // Never down in panic.
        let upTo60 = report.timeline.prefix { $0.time < 60 }.map(\.desired)
        #expect(upTo60 == upTo60.sorted())
    }

    @Test func theClairvoyantKeepsOrStops() {
        // Two at a time for 10 s, then the first level again after a gap of 20 s, the second after 100 s.
        let trace = Trace(name: "gaps", jobs: [(0, 10), (0, 10), (30, 10), (110, 10), (110, 10)])
        let bound = ClairvoyantBound(trace, start: 25, objective: 0)
        // Work 50, two first starts 50, gaps of the first level 20 and 25 (of 70), of the second 25 (of 100).
        #expect(bound.zeroWait == 50 + 50 + 20 + 25 + 25)
        #expect(bound.inTime == bound.zeroWait)
        // All the work on one worker that is started once, if jobs may wait for hours.
        #expect(ClairvoyantBound(trace, start: 25, objective: 1e5).inTime == 75)
    }

    @Test func theSameSeedGivesTheSame() throws {
        var assumptions = TraceReader.Assumptions()
        assumptions.scale = 1.0 / 20_000
        let trace = try BundledTrace.servegen.trace(assumptions)
        #expect(try BundledTrace.servegen.trace(assumptions) == trace)
        var setting = setting
        setting.coldStart = Spread(median: 25, sigma: 0.4)
        setting.startFailures = 0.1
        let part = Trace(name: "day", jobs: zip(trace.arrivals, trace.services).prefix(4000).map { ($0, $1) })
        let reports = (0..<2).map { _ in SimulatedFleet.run(part, AutoscalerPolicy(rule: ScalingRule()), setting) }
        #expect(reports[0].workerSeconds == reports[1].workerSeconds)
        #expect(reports[0].starts == reports[1].starts)
        setting.seed = 2
        let other = SimulatedFleet.run(part, AutoscalerPolicy(rule: ScalingRule()), setting)
        #expect(other.workerSeconds != reports[0].workerSeconds)
    }
}
