/// How well a deployment does, from 0 (not at all) to 1, and why.
///
/// The product of factors between 0 and 1, one for each thing that is watched, so that several small ailments add up.
/// Each falls in a straight line, and errors reach the isolating score exactly at the limit at which the breaker opens.
package struct HealthScore: Sendable, Hashable {
    /// What is watched. The raw value is the word used in SQL and metrics.
    package enum Aspect: String, Sendable, CaseIterable {
        case errors
        case overload
        case latency
        case probe
        case heartbeat
        case memory
    }

    /// Something that cost the deployment part of its score.
    package struct Reason: Sendable, Hashable {
        /// What was watched.
        package let aspect: Aspect
        /// The factor: below 1.
        package let factor: Double
        /// For people: "8% errors (16 of 200)".
        package let text: String
    }

    /// The score, 0 to 1.
    package let value: Double
    /// What moved it, the worst first; empty when nothing did.
    package let reasons: [Reason]
    /// Whether there were too few outcomes to judge by, so that active probes are wanted.
    package let isThin: Bool

    /// One sentence for people.
    package var sentence: String {
        let figure = "score " + Prose.number(value, digits: 2)
        guard !reasons.isEmpty else { return isThin ? figure + ": too little traffic to judge" : figure }
        return figure + ": " + reasons.map(\.text).joined(separator: ", ")
    }

    /// Judges a reading.
    package init(_ reading: HealthReading, policy: HealthPolicy) {
        let outcomes = reading.outcomes
        isThin = outcomes.judged + outcomes.overloads + outcomes.overtaken < policy.minimumSample
        var reasons: [Reason] = []
        func note(_ aspect: Aspect, _ factor: Double, _ text: @autoclosure () -> String) {
            guard factor < 1 else { return }
            reasons.append(Reason(aspect: aspect, factor: max(0, factor), text: text()))
        }
        let depth = 1 - policy.isolationScore
        if !isThin {
            note(
                .errors, 1 - depth * outcomes.errorRatio / policy.errorLimit,
                "\(Prose.percent(outcomes.errorRatio)) errors (\(outcomes.errors) of \(outcomes.judged))")
            note(
                .overload, 1 - depth * outcomes.overloadRatio / policy.overloadLimit,
                "\(Prose.percent(outcomes.overloadRatio)) refused for want of room")
            if let objective = reading.latencyObjective, let p95 = outcomes.latencies.quantile(0.95), objective > .zero
            {
                let excess = (p95 / objective - 1) / max(0.01, policy.latencyLimit - 1)
                note(
                    .latency, max(policy.latencyFloor, 1 - (1 - policy.latencyFloor) * excess),
                    "p95 \(Prose.time(p95)) over \(Prose.time(objective))")
            }
        } else if reading.probeFailures > 0 {
            let factors = [0.9, 0.7, 0.3]
            note(
                .probe, factors[min(reading.probeFailures, factors.count) - 1],
                "\(Prose.count(reading.probeFailures, "probe")) failed in a row")
        }
        if let age = reading.heartbeatAge, age > policy.heartbeatInterval {
            let span = max(.milliseconds(1), policy.heartbeatExpiry - policy.heartbeatInterval)
            note(
                .heartbeat, 1 - (age - policy.heartbeatInterval) / span,
                "no heartbeat for \(Prose.time(age))")
        }
        if let memory = reading.memory, memory > policy.memoryLimit {
            let excess = (memory - policy.memoryLimit) / max(0.01, 1 - policy.memoryLimit)
            note(
                .memory, max(policy.memoryFloor, 1 - (1 - policy.memoryFloor) * excess),
                "\(Prose.percent(memory, digits: 0)) of its memory")
        }
        value = reasons.reduce(1) { $0 * $1.factor }
        self.reasons = reasons.sorted { $0.factor < $1.factor }
    }
}
