import BackendHost
import Domain
import Lifeline
import Logging
import Queue

extension Worker {
    /// Why a worker cannot work with its backend, in words for the database and for its parent.
    private struct Refusal {
        var code: String
        var reason: String
        var sha256: String?
    }

    /// Finds, verifies, loads and starts the backend, on a thread of its own choice: anything may happen in there.
    ///
    /// The database is told either way, since `sluice backends list` shows it.
    /// - Throws: `WorkerEnd` when the backend is refused.
    @concurrent func loadBackend(
        _ registration: WorkerRegistration, _ queue: Queue, _ link: DatabaseLink
    ) async throws -> BackendInstance {
        var found: BackendFile?
        let refusal: Refusal
        do {
            let path = try BackendFile.locate(registration.backend, in: settings.backendDirectories)
            // Without the recorded digest first: what is there instead is worth a row.
            let file = try BackendFile.verify(path: path, allowedDirectories: settings.backendDirectories)
            found = file
            if let recorded = registration.backendSHA256, recorded != file.sha256 {
                refusal = Self.notRecorded(registration, file)
            } else {
                let backend = try Backend.load(file)
                let record = BackendRecord(backend, host: settings.host)
                let accepted = try await link.persistently { () async throws(QueueError) in
                    try await queue.recordBackend(registration.backend, record)
                }
                if accepted == file.sha256 {
                    let slots = min(Int(registration.slots), backend.descriptor.maximumConcurrency)
                    let instance = try backend.makeInstance(configuration: registration.configuration, slots: slots)
                    // What took minutes to load is not thrown away for a connection that was just lost.
                    try await link.persistently { () async throws(QueueError) in
                        try await queue.backendLoaded(worker: registration.worker)
                    }
                    return instance
                }
                refusal = Self.notRecorded(registration, file)
            }
        } catch let error as BackendError {
            refusal = Refusal(code: error.code.rawValue, reason: "\(error)", sha256: found?.sha256)
        }
        do {
            try await queue.backendRefused(
                worker: registration.worker, code: refusal.code, reason: refusal.reason, sha256: refusal.sha256)
        } catch {
            // The end of the worker says it too.
            logger.warning("The database was not told of the refused backend.", metadata: ["error": "\(error)"])
        }
        throw WorkerEnd(.backendRefused, refusal.reason)
    }

    private static func notRecorded(_ registration: WorkerRegistration, _ file: BackendFile) -> Refusal {
        Refusal(
            code: BackendError.Code.digestMismatch.rawValue,
            reason: "\(file.path) is not the file recorded for backend \(registration.backend); if the change is meant,"
                + " run `sluice backends record \(registration.backend)`.",
            sha256: file.sha256)
    }
}

extension BackendRecord {
    /// What there is to record of a loaded backend.
    fileprivate init(_ backend: Backend, host: String) {
        let descriptor = backend.descriptor
        self.init(
            sha256: backend.file.sha256, version: descriptor.version, abi: descriptor.abi,
            capabilities: descriptor.capabilities.map(\.rawValue).sorted(), canStream: descriptor.canStream,
            maximumConcurrency: Int32(clamping: descriptor.maximumConcurrency), path: backend.file.path, host: host)
    }
}
