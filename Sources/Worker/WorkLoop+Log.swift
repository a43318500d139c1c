import Domain
import Logging
import Queue
import Telemetry

/// A line when an attempt begins and one when it ends: what it is, never what it says.
extension WorkLoop {
    func logBegin(_ job: ClaimedJob) {
        guard logger.logLevel <= .info else { return }
        logger.info(
            "An attempt began.",
            metadata: [
                LogKey.job: "\(job.id)", LogKey.attempt: "\(job.attempt)",
                LogKey.model: "\(registration.modelName)", "kind": "\(job.kind.rawValue)",
                "request.bytes": "\(job.payload.count)", "queue.ms": "\(job.queuedMilliseconds)",
            ])
    }

    func logEnd(_ job: ClaimedJob, _ result: AttemptResult, after time: Duration) {
        guard logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            LogKey.job: "\(job.id)", LogKey.attempt: "\(job.attempt)", LogKey.model: "\(registration.modelName)",
            "outcome": "\(result.outcome.rawValue)", "queue.ms": "\(job.queuedMilliseconds)",
            "run.ms": "\(time.wholeMilliseconds)",
        ]
        if let usage = result.usage {
            metadata["tokens.prompt"] = "\(usage.promptTokens)"
            metadata["tokens.completion"] = "\(usage.completionTokens)"
        }
        // The message of an error may quote the request: its class does not.
        if let errorClass = result.errorClass { metadata[LogKey.errorClass] = "\(errorClass.rawValue)" }
        logger.info("An attempt ended.", metadata: metadata)
    }
}
