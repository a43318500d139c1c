/// The settings of a RunPod Serverless endpoint, by RunPod's names and with its defaults.
package struct RunPodScaling: Sendable, Hashable {
    /// Workers that are always on (RunPod: active workers).
    package var workersMin = 0
    /// The most workers.
    package var workersMax = 3
    /// `QUEUE_DELAY` or `REQUEST_COUNT`.
    package var scalerType = "QUEUE_DELAY"
    /// Seconds a request may wait (`QUEUE_DELAY`), or requests per worker (`REQUEST_COUNT`).
    package var scalerValue = 4.0
    /// Seconds a worker stays without a request.
    package var idleTimeout = 5.0

    /// RunPod's defaults.
    package init() {}
}

extension ScalingRule {
    /// The rule that RunPod's settings mean; nil for a scaler RunPod does not have.
    ///
    /// `QUEUE_DELAY` is read stricter than RunPod means it. There a worker is added once a request has waited `scalerValue`
    /// (docs.runpod.io, "Endpoint settings"), so that the request begins a start later than that; here `scalerValue` is
    /// the objective: the time within which requests are to begin, their start included. Where a start takes longer than
    /// that, a worker is started when the job comes. RunPod's own meaning is an objective of `scalerValue` and a start
    /// together. The idle timeout is RunPod's, not learned.
    package init?(runPod: RunPodScaling) {
        self.init()
        switch runPod.scalerType.uppercased() {
        case "QUEUE_DELAY":
            guard runPod.scalerValue.isFinite, runPod.scalerValue >= 0 else { return nil }
            scaler = .queueDelay(objective: .seconds(runPod.scalerValue))
        case "REQUEST_COUNT": scaler = .requestCount(perWorker: runPod.scalerValue)
        default: return nil
        }
        guard runPod.idleTimeout.isFinite, runPod.idleTimeout >= 0 else { return nil }
        minWorkers = runPod.workersMin
        maxWorkers = runPod.workersMax
        idleTimeout = .seconds(runPod.idleTimeout)
        forecast = false
    }
}
