/// What makes a deployment healthy. One per model.
package struct HealthPolicy: Sendable, Hashable {
    /// From this score on, down to the next grade, a deployment gets this part of its weight.
    package struct Grade: Sendable, Hashable {
        /// The lowest score of the grade, 0 to 1.
        package var score: Double
        /// The part of its weight, 0 to 1.
        package var weight: Double

        /// A grade from `score` on.
        package init(score: Double, weight: Double) {
            self.score = score
            self.weight = weight
        }
    }

    /// The time outcomes are looked back for.
    package var window = Duration.seconds(60)
    /// With fewer judged outcomes in the window, traffic is too thin to judge by, and active probes are asked for.
    package var minimumSample = 20
    /// The error ratio at which the score is that of the last grade.
    package var errorLimit = 0.1
    /// The ratio of refusals for want of room at which the score is that of the last grade.
    package var overloadLimit = 0.5
    /// How many times its objective the 95th percentile of the latency may be before it costs no more.
    package var latencyLimit = 3.0
    /// The lowest factor latency alone can bring about: the slow get little, but are not isolated for it.
    package var latencyFloor = 0.65
    /// The age of the freshest heartbeat up to which all is well.
    package var heartbeatInterval = Duration.seconds(6)
    /// The age at which no worker is taken to live.
    package var heartbeatExpiry = Duration.seconds(15)
    /// The part of its memory limit a worker may use before it costs.
    package var memoryLimit = 0.85
    /// The factor at the memory limit. Its supervisor replaces a worker there; the deployment need not be isolated.
    package var memoryFloor = 0.7
    /// How far ahead trouble is announced.
    package var horizon = Duration.seconds(900)
    /// Grades from the best to the worst; below the last one the deployment is isolated.
    ///
    /// The last is so low that of two equal deployments the one that has become slow gets less than 5% of the traffic: with
    /// more, the model's 95th percentile would still be that of the slow one.
    package var grades = [
        Grade(score: 0.9, weight: 1), Grade(score: 0.8, weight: 0.7), Grade(score: 0.7, weight: 0.4),
        Grade(score: 0.6, weight: 0.05),
    ]
    /// How far a score has to lie above a grade for the weight to rise to it again, so that it does not flutter.
    package var hysteresis = 0.02

    /// The defaults.
    package init() {}

    /// The score of the last grade: below it a deployment is isolated.
    package var isolationScore: Double { grades.last?.score ?? 0 }
}
