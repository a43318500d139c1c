/// The policies that are compared with, as they come and tuned for one trace.
package enum Rivals {
    /// Each with its defaults.
    package static func defaults(slots: Int) -> [any ScalingPolicy] {
        [
            KEDAPolicy(target: Double(slots)), KnativePolicy(), RunPodDelayPolicy(),
            RunPodCountPolicy(value: Double(slots)),
        ]
    }

    /// Each with the settings people turn: stabilisation, delays and idle timeouts from 5 s to more than an hour, one or
    /// two jobs per slot, and a minimum.
    package static func tuned(slots: Int) -> [any ScalingPolicy] {
        var policies: [any ScalingPolicy] = []
        for stabilisation in [300.0, 600, 1200, 2400, 4800] {
            for target in [1.0, 2] {
                policies.append(KEDAPolicy(target: target * Double(slots), stabilisation: stabilisation))
            }
        }
        for delay in [0.0, 300, 600, 1200] { policies.append(KnativePolicy(scaleDownDelay: delay)) }
        for idle in [5.0, 60, 150, 300, 600, 1200, 2400, 4800] {
            policies.append(RunPodDelayPolicy(idleTimeout: idle))
            policies.append(RunPodCountPolicy(value: Double(slots), idleTimeout: idle))
        }
        return policies
    }

    /// The fewest workers that, always there, reach `attainment`, and what becomes of the trace with them; nil when not
    /// even `limit` do.
    package static func bestFixed(
        _ trace: Trace, _ setting: FleetSetting, attainment: Double, limit: Int = 256
    ) -> (workers: Int, report: FleetReport)? {
        var low = 1
        var high = 1
        var best: (workers: Int, report: FleetReport)?
        while true {
            let report = SimulatedFleet.run(trace, FixedSize(workers: high), setting)
            if report.attainment >= attainment {
                best = (high, report)
                break
            }
            guard high < limit else { return nil }
            low = high + 1
            high = min(limit, high * 2)
        }
        high -= 1
        while low <= high {
            let middle = (low + high) / 2
            let report = SimulatedFleet.run(trace, FixedSize(workers: middle), setting)
            if report.attainment >= attainment {
                best = (middle, report)
                high = middle - 1
            } else {
                low = middle + 1
            }
        }
        return best
    }
}
