/// What was seen of a deployment since the last tick.
package struct DeploymentSample: Sendable, Hashable {
    /// Its name.
    package var deployment: String
    /// Its attempts that ended, those left out that had begun before `ModelController.judgedSince`: they say nothing of
    /// the state it is in now.
    package var outcomes: OutcomeSummary
    /// What it can do compared with the others: the slots of its live workers. 0 when it has none.
    package var capacity: Double
    /// Whether anybody runs its jobs: it has workers, is to have some, or gets some when jobs ask for them.
    package var isManned: Bool
    /// The age of its freshest heartbeat; nil when it should have no worker.
    package var heartbeatAge: Duration?
    /// The memory of its largest worker as a part of the limit; nil without a limit.
    package var memory: Double?
    /// How its active probe ended, if one did.
    package var probeSucceeded: Bool?

    /// A sample.
    package init(
        _ deployment: String, outcomes: OutcomeSummary = OutcomeSummary(), capacity: Double = 1, isManned: Bool = true,
        heartbeatAge: Duration? = nil, memory: Double? = nil, probeSucceeded: Bool? = nil
    ) {
        self.deployment = deployment
        self.outcomes = outcomes
        self.capacity = capacity
        self.isManned = isManned
        self.heartbeatAge = heartbeatAge
        self.memory = memory
        self.probeSucceeded = probeSucceeded
    }
}
