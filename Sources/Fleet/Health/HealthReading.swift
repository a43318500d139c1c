/// What is known of a deployment when its health is judged.
package struct HealthReading: Sendable, Hashable {
    /// The outcomes of the window.
    package var outcomes: OutcomeSummary
    /// What the 95th percentile of the latency should not exceed; nil when nobody said, and it is not judged then.
    package var latencyObjective: Duration?
    /// How many active probes have failed in a row. Only looked at while traffic is thin.
    package var probeFailures: Int
    /// The age of the freshest heartbeat of its workers; nil when it should have no worker.
    package var heartbeatAge: Duration?
    /// The memory of its largest worker as a part of the limit; nil without a limit.
    package var memory: Double?

    /// A reading; what is not said is not judged.
    package init(
        outcomes: OutcomeSummary, latencyObjective: Duration? = nil, probeFailures: Int = 0,
        heartbeatAge: Duration? = nil, memory: Double? = nil
    ) {
        self.outcomes = outcomes
        self.latencyObjective = latencyObjective
        self.probeFailures = probeFailures
        self.heartbeatAge = heartbeatAge
        self.memory = memory
    }
}
