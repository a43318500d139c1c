import Domain
import Logging
import Queue
import Synchronization
import Telemetry

/// A line when an attempt begins and one when it ends: what it is, never what it says.
extension WorkLoop {
    private var logsAttempts: Bool { logger.logLevel <= .info }

    func logBegin(_ job: ClaimedJob) {
        guard logsAttempts else { return }
        var metadata = subject(job)
        metadata["kind"] = "\(job.kind.rawValue)"
        metadata["request.bytes"] = "\(job.payload.count)"
        logger.info("An attempt began.", metadata: metadata)
    }

    func logEnd(_ job: ClaimedJob, _ result: AttemptResult, after time: Duration) {
        guard logsAttempts else { return }
        var metadata = subject(job)
        metadata["outcome"] = "\(result.outcome.rawValue)"
        metadata["run.ms"] = "\(time.wholeMilliseconds)"
        if let usage = result.usage {
            metadata["tokens.prompt"] = "\(usage.promptTokens)"
            metadata["tokens.completion"] = "\(usage.completionTokens)"
        }
        // The message of an error may quote the request: its class does not.
        if let errorClass = result.errorClass { metadata[LogKey.errorClass] = "\(errorClass.rawValue)" }
        logger.info("An attempt ended.", metadata: metadata)
    }

    /// Asks for the names of tenants whose jobs come by for the first time.
    func learnTenants(of jobs: [ClaimedJob]) async {
        guard logsAttempts else { return }
        let unknown = tenants.withLock { $0.unknown(among: jobs.lazy.map(\.tenant).filter { $0 != 0 }) }
        guard !unknown.isEmpty else { return }
        do {
            let answers = try await queue.tenantNames(unknown)
            tenants.withLock { $0.learned(answers) }
        } catch {
            // The jobs are ours all the same; the next claim asks again.
            logger.warning("Tenants are logged without their names.", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// What both lines say.
    private func subject(_ job: ClaimedJob) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            LogKey.job: "\(job.id)", LogKey.attempt: "\(job.attempt)", LogKey.model: "\(registration.modelName)",
            "queue.ms": "\(job.queuedMilliseconds)",
        ]
        if job.tenant == 0 {
            metadata["hedge"] = "true"
        } else {
            metadata[LogKey.tenant] = "\(tenants.withLock { $0[job.tenant] } ?? "#\(job.tenant)")"
        }
        return metadata
    }
}
