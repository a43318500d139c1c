import BackendHost
import Queue
import Terminal

extension BackendOptions {
    /// Inspects the backend called `name` and records its file, unless another is recorded already.
    ///
    /// - Throws: `BackendError`; `QueueError`; `CommandFailure` when the file is not the recorded one.
    func record(_ name: String, _ queue: Queue) async throws -> BackendInspection {
        let found = try await inspect(name)
        let allowed = try await queue.record(found, as: name, replacing: false)
        guard allowed == found.file.sha256 else {
            throw CommandFailure(
                .configuration, "\(found.file.path) is not the file recorded for backend \(name).",
                fix: "If the change is meant, run `sluice backends record \(name)`.")
        }
        return found
    }
}
