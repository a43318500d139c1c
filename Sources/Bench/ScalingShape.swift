import Fleet
import Simulation

/// What autoscaling costs and reaches on recorded traffic, in virtual time, against other systems' rules in the same run.
package struct ScalingShape: Shape {
    package static let name = "scaling"
    package static let abstract =
        "autoscaling on recorded traffic against KEDA+HPA, Knative, RunPod and fixed sizes (virtual time)"

    private static let maxWorkers = 100
    /// No worse than the best fixed size by more than this.
    private static let fixedSlack = 1.1

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        try Self.measure { laboratory.say($0) }
    }

    /// The whole comparison; needs no laboratory.
    package static func measure(saying say: (String) -> Void) throws -> [Measurement] {
        let code = try BundledTrace.azureCode.trace()
        let fortnight = try BundledTrace.servegen.trace()
        var measurements: [Measurement] = []
        measurements += againstDefault(code, Case(code, start: 25, objective: 30))
        say("57 minutes of code requests, S = 90 s, W = 15 s")
        measurements += againstTuned(code, Case(code, start: 90, objective: 15), least: 0.99, of: ["KEDA", "RunPod"])
        say("14 days, S = 90 s, W = 15 s")
        measurements += againstTuned(
            fortnight, Case(fortnight, start: 90, objective: 15), least: 0.995, of: ["KEDA", "RunPod", "Knative"])
        // Traffic the policy was not made on.
        let week = try BundledTrace.burstGPT.trace()
        for (trace, times) in [(week, [(25.0, 30.0), (90, 15)]), (fortnight, [(25, 30)])] {
            for (start, objective) in times {
                say("\(trace.name), S = \(Int(start)) s, W = \(Int(objective)) s")
                measurements.append(againstFixed(Case(trace, start: start, objective: objective)))
            }
        }
        return measurements
    }

    /// A trace with start time and objective, and what the autoscaler made of it.
    private struct Case {
        let trace: Trace
        let setting: FleetSetting
        let report: FleetReport

        init(_ trace: Trace, start: Double, objective: Double) {
            var setting = FleetSetting()
            setting.coldStart = Spread(median: start)
            setting.objective = objective
            setting.maxWorkers = ScalingShape.maxWorkers
            var rule = ScalingRule()
            rule.maxWorkers = setting.maxWorkers
            rule.scaler = .queueDelay(objective: .seconds(objective))
            self.trace = trace
            self.setting = setting
            report = SimulatedFleet.run(trace, AutoscalerPolicy(rule: rule), setting)
        }

        var title: String {
            "\(trace.name), S = \(Int(setting.coldStart.median)) s, W = \(Int(setting.objective)) s"
        }
    }

    private static func figures(_ report: FleetReport) -> [String: Double] {
        [
            "attainment": report.attainment, "cost_ratio": report.costRatio, "starts": Double(report.starts),
            "wait_p50": report.wait(quantile: 0.5), "wait_p95": report.wait(quantile: 0.95),
            "wait_p99": report.wait(quantile: 0.99),
        ]
    }

    private static func text(_ report: FleetReport) -> String {
        "\(percent(report.attainment)) at \(number(report.costRatio))"
    }
    private static func percent(_ part: Double) -> String { "\((part * 10_000).rounded(.down) / 100)%" }
    private static func number(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

    private static func againstDefault(_ trace: Trace, _ one: Case) -> [Measurement] {
        let rival = SimulatedFleet.run(trace, KEDAPolicy(), one.setting)
        let share = one.report.costRatio / rival.costRatio
        var figures = figures(one.report)
        figures["keda_cost_ratio"] = rival.costRatio
        figures["keda_attainment"] = rival.attainment
        return [
            Measurement(
                name, "\(one.title): in time, worker-seconds per second of work",
                "\(text(one.report)); KEDA as it comes \(text(rival)): \(percent(share)) of its cost",
                target: "99% in time at 55% of KEDA's cost",
                isMet: one.report.attainment >= 0.99 && share <= 0.55, figures: figures),
            againstFixed(one),
        ]
    }

    private static func againstTuned(
        _ trace: Trace, _ one: Case, least: Double, of names: [String]
    ) -> [Measurement] {
        var best: (name: String, report: FleetReport)?
        let bar = min(least, one.report.attainment)
        for policy in Rivals.tuned(slots: 1) where names.contains(where: policy.name.hasPrefix) {
            let report = SimulatedFleet.run(trace, policy, one.setting)
            if report.attainment >= bar, report.costRatio < best?.report.costRatio ?? .infinity {
                best = (policy.name, report)
            }
        }
        let isCheaper = best.map { one.report.costRatio <= $0.report.costRatio } ?? true
        var figures = figures(one.report)
        figures["rival_cost_ratio"] = best?.report.costRatio
        figures["rival_attainment"] = best?.report.attainment
        return [
            Measurement(
                name, "\(one.title): in time, worker-seconds per second of work",
                "\(text(one.report)); the cheapest of \(names.joined(separator: ", ")) tuned for this trace: "
                    + (best.map { "\($0.name): \(text($0.report))" } ?? "none reaches it"),
                target: "\(percent(least)) in time, no dearer than any of them",
                isMet: one.report.attainment >= least && isCheaper, figures: figures),
            againstFixed(one),
        ]
    }

    private static func againstFixed(_ one: Case) -> Measurement {
        let fixed = Rivals.bestFixed(one.trace, one.setting, attainment: one.report.attainment)
        let bound = ClairvoyantBound(
            one.trace, start: one.setting.coldStart.median, objective: one.setting.objective)
        var figures = figures(one.report)
        figures["fixed_cost_ratio"] = fixed?.report.costRatio
        figures["clairvoyant_zero_wait"] = bound.zeroWait / one.report.work
        figures["clairvoyant_in_time"] = bound.inTime / one.report.work
        return Measurement(
            name, "\(one.title): against the best fixed size",
            "\(text(one.report)); "
                + (fixed.map { "\($0.workers) workers always: \(text($0.report))" } ?? "no fixed size reaches it")
                + "; clairvoyant without waits \(number(bound.zeroWait / one.report.work)), "
                + "in time not below \(number(bound.inTime / one.report.work))",
            target: "no more than 110% of its cost",
            isMet: fixed.map { one.report.costRatio <= fixedSlack * $0.report.costRatio } ?? true, figures: figures)
    }
}
