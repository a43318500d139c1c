import Fleet
import Simulation
import Testing

/// What the policy must reach; virtual time, so the figures are the same on every machine.
@Suite struct ScalingReachTests {
    private func run(
        _ trace: Trace, start: Double, objective: Double, maxWorkers: Int = 100
    ) -> (FleetReport, FleetSetting) {
        var setting = FleetSetting()
        setting.coldStart = Spread(median: start)
        setting.objective = objective
        setting.maxWorkers = maxWorkers
        var rule = ScalingRule()
        rule.maxWorkers = maxWorkers
        rule.scaler = .queueDelay(objective: .seconds(objective))
        return (SimulatedFleet.run(trace, AutoscalerPolicy(rule: rule), setting), setting)
    }

    @Test func burstsOfShortJobsAtLittleMoreThanHalfOfKEDAsCost() throws {
        let trace = try BundledTrace.azureCode.trace()
        let (report, setting) = run(trace, start: 25, objective: 30)
        let rival = SimulatedFleet.run(trace, KEDAPolicy(), setting)
        #expect(report.attainment >= 0.99)
        #expect(report.costRatio <= 0.55 * rival.costRatio)
    }

    @Test func burstsThatNoStartIsFastEnoughFor() throws {
        let trace = try BundledTrace.azureCode.trace()
        let (report, setting) = run(trace, start: 90, objective: 15)
        #expect(report.attainment >= 0.99)
        for rival in [KEDAPolicy(stabilisation: 600), KEDAPolicy(target: 2, stabilisation: 1200)] {
            #expect(report.costRatio <= SimulatedFleet.run(trace, rival, setting).costRatio)
        }
        let fixed = try #require(Rivals.bestFixed(trace, setting, attainment: report.attainment))
        #expect(report.costRatio <= 1.1 * fixed.report.costRatio)
    }

    /// The first two days of the fortnight, thinned, so that it is quick without optimisation.
    @Test func anEvenModelForDays() throws {
        var assumptions = TraceReader.Assumptions()
        assumptions.scale = 1.0 / 8000
        let whole = try BundledTrace.servegen.trace(assumptions)
        let days = zip(whole.arrivals, whole.services).prefix { $0.0 < 2 * 86_400 }.map { ($0.0, $0.1) }
        let trace = Trace(name: "two days", jobs: days)
        let (report, setting) = run(trace, start: 90, objective: 15, maxWorkers: 16)
        #expect(report.attainment >= 0.99)
        let fixed = try #require(Rivals.bestFixed(trace, setting, attainment: report.attainment))
        #expect(report.costRatio <= 1.1 * fixed.report.costRatio)
    }
}
