import Domain
import Fleet
import Queue

/// What became of attempts since the controller was last told, by the stage they were claimed in. Pure.
///
/// Recording a success costs no more than a bin and a few counts. Bounded: a handful of stages, each a summary.
struct OutcomeLedger: Sendable {
    /// Attempts of this many stages are kept apart; of more, the oldest are forgotten.
    static let maximumStages = 4

    private var pending: [(stage: Int32, summary: OutcomeSummary)] = []
    /// What the worker's own breaker has not seen yet.
    private var recent = OutcomeSummary()
    private var recentStage: Int32 = 0
    /// Whether something waits that the controller should know at once.
    private(set) var isUrgent = false

    /// An attempt ended: well, or with a failure of `errorClass`. Returns whether it speaks against the deployment.
    mutating func record(
        _ errorClass: ErrorClass?, stage: Int32, latency: Duration, retryAfter: Duration?
    ) -> Bool {
        if stage != recentStage { settle() }
        recentStage = stage
        recent.record(errorClass, latency: latency, retryAfter: retryAfter)
        guard let blame = errorClass?.blame, blame != .caller, blame != .nobody else { return false }
        isUrgent = true
        return true
    }

    /// An attempt was stopped after `latency`, because a second attempt had answered.
    mutating func recordOvertaken(stage: Int32, after latency: Duration) {
        if stage != recentStage { settle() }
        recentStage = stage
        recent.recordOvertaken(after: latency)
    }

    /// What was recorded since the last call, for the worker's own breaker.
    mutating func takeRecent() -> OutcomeSummary {
        defer { settle() }
        return recent
    }

    /// What is to be told next, the oldest stage first; nil when all is told.
    ///
    /// To be sent once: what is lost on the way is missing, but nothing is counted twice.
    mutating func takeSample() -> AttemptSample? {
        settle()
        guard !pending.isEmpty else { return nil }
        let (stage, summary) = pending.removeFirst()
        isUrgent = !pending.isEmpty
        return AttemptSample(summary, stage: stage)
    }

    private mutating func settle() {
        guard !recent.isEmpty else { return }
        if pending.last?.stage == recentStage {
            pending[pending.count - 1].summary.append(recent)
        } else {
            pending.append((recentStage, recent))
            if pending.count > Self.maximumStages { pending.removeFirst() }
        }
        recent = OutcomeSummary()
    }
}

extension AttemptSample {
    /// A summary, taken apart.
    init(_ summary: OutcomeSummary, stage: Int32) {
        self.init(stage: stage)
        succeeded = Int32(clamping: summary.succeeded)
        failed = summary.failed.mapValues { Int32(clamping: $0) }
        run = [summary.run.count, summary.run.leading, summary.run.trailing, summary.run.longest].map {
            Int32(clamping: $0)
        }
        let counts = summary.latencies.counts
        latencyBins = counts.map { Int32($0.bin) }
        latencyCounts = counts.map { Int32(clamping: $0.count) }
        retryAfter = summary.retryAfter
    }
}
