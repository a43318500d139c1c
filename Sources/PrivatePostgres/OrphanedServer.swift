import Glibc
import Logging

/// A server still running on a folder whose lock we hold: the process that started it was killed a moment ago, and the
/// server is on its way out, or was kept from noticing.
struct OrphanedServer {
    let folder: ServerFolder

    /// Stops it and returns when it is gone. Returns at once when there is none; a file left by a dead server is for the
    /// next one to judge.
    ///
    /// - Throws: `PrivateServerError` with `folderInUse` when it does not go in 20 s.
    func stop(logger: Logger) async throws {
        guard let processID = folder.postmaster?.processID, isOurs(processID) else { return }
        logger.info("stopping the database server a killed process left", metadata: ["pid": "\(processID)"])
        for signal in [SIGINT, SIGQUIT] {
            kill(processID, signal)
            if try await isGone(processID, within: .seconds(10)) { return }
        }
        throw PrivateServerError(
            .folderInUse,
            "A database server of an earlier run (process \(processID)) still uses \(folder.path) and does not stop: "
                + "kill it, or choose another data folder"
        )
    }

    /// A postmaster's working directory is its data folder; a process that merely got its number is somewhere else.
    /// A dead process that nobody has reaped has no working directory.
    private func isOurs(_ processID: Int32) -> Bool {
        FileSystem.resolved("/proc/\(processID)/cwd") == folder.cluster
    }

    private func isGone(_ processID: Int32, within limit: Duration) async throws -> Bool {
        let end = ContinuousClock.now + limit
        while isOurs(processID) {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(20))
        }
        return true
    }
}
