package import Logging
import ServiceLifecycle
import Subprocess
import SystemPackage

/// A PostgreSQL server of our own: a child process on a data folder of its own, reached over a unix socket that only this
/// account can open.
///
/// `run()` is its whole life. The server never outlives this process: it is asked to stop on graceful shutdown and on
/// cancellation, and the kernel tells it to stop when this process is killed. Data survive all of these.
package final class PrivateServer: Service {
    /// The database every connection string names unless told otherwise. Made when the server first starts.
    package static let databaseName = "sluice"

    let dataDirectory: String
    let configuration: Configuration
    let logger: Logger
    private let readiness = Readiness()

    /// A server on `dataDirectory`, which is made and filled when it is not there. Nothing happens before `run()`.
    package init(dataDirectory: String, configuration: Configuration = Configuration(), logger: Logger) {
        self.dataDirectory = dataDirectory
        self.configuration = configuration
        self.logger = logger
    }

    /// Waits until the server accepts connections and has its database.
    ///
    /// - Returns: where it listens.
    /// - Throws: what `run()` threw when the server never got there; `CancellationError`.
    package func waitUntilReady() async throws -> ServerAddress { try await readiness.wait() }

    /// Starts the server, keeps it, and returns when it was shut down gracefully.
    ///
    /// Graceful shutdown and cancellation stop it the same way: fast shutdown (sessions are rolled back and closed),
    /// after `stopTimeout` an immediate one, then a kill. Call it once.
    ///
    /// - Throws: `PrivateServerError` when it cannot start or ends by itself; `CancellationError`.
    package func run() async throws {
        do {
            try await serve()
            readiness.settle(
                .failure(PrivateServerError(.notRunning, "The database was stopped before it was ready")))
        } catch {
            readiness.settle(.failure(error))
            throw error
        }
    }

    private func serve() async throws {
        let account = try ServerAccount.current()
        let folder = try ServerFolder(creating: dataDirectory)
        let lock = try FolderLock(path: folder.lock)
        defer { lock.release() }
        try account?.checkAccess(to: folder.path)
        let binaries = try await ServerBinaries.find(majorVersion: folder.majorVersion)
        try await OrphanedServer(folder: folder).stop(logger: logger)
        if folder.majorVersion == nil {
            try await Cluster(folder: folder, binaries: binaries, account: account).create(
                isDurable: configuration.isDurable)
        }
        let launch = ServerLaunch(
            binaries: binaries,
            folder: folder,
            socketDirectory: try folder.makeSocketDirectory(port: configuration.socketPort, account: account),
            account: account,
            configuration: configuration
        )
        try await keep(launch)
    }

    /// What the tasks around the child process report.
    private enum Event: Sendable {
        case ready
        case stopped
        case cancelled
        case ended(lastLines: String)
    }

    /// The life of the child process.
    private func keep(_ launch: ServerLaunch) async throws {
        let log = try ServerLog(path: launch.folder.log)
        let outcome = try await Subprocess.run(
            launch.subprocess, input: .none, output: .discarded, error: .sequence
        ) { execution in
            try await withThrowingTaskGroup(of: Event.self, returning: (asked: Bool, lastLines: String).self) { group in
                let processID = execution.processIdentifier.value
                group.addTask { try await self.announce(launch, processID: processID) }
                group.addTask {
                    do { try await gracefulShutdown() } catch is CancellationError { return .cancelled }
                    await execution.teardown(using: launch.teardown)
                    return .stopped
                }
                // The pipe ends when the last of the server's processes has closed it.
                group.addTask { .ended(lastLines: try await Self.copy(execution.standardError, to: log)) }
                return try await Self.outcome(of: &group)
            }
        }
        try Task.checkCancellation()
        guard outcome.closureResult.asked else {
            throw PrivateServerError(
                .exited,
                "The database server ended by itself (\(outcome.terminationStatus)), see \(launch.folder.log)",
                detail: outcome.closureResult.lastLines
            )
        }
    }

    private func announce(_ launch: ServerLaunch, processID: Int32) async throws -> Event {
        do {
            try await launch.waitUntilReady(processID: processID)
            try await Databases(binaries: launch.binaries, address: launch.address).createMissing(Self.databaseName)
        } catch is CancellationError {
            return .cancelled
        }
        logger.debug("database ready", metadata: ["pid": "\(processID)"])
        readiness.settle(.success(launch.address))
        return .ready
    }

    /// Waits for every task; once the server has ended there is nothing for the others to wait for.
    private static func outcome(
        of group: inout ThrowingTaskGroup<Event, any Error>
    ) async throws -> (asked: Bool, lastLines: String) {
        var asked = false
        var lastLines = ""
        for try await event in group {
            switch event {
            case .ready, .cancelled: break
            case .stopped: asked = true
            case .ended(let lines):
                lastLines = lines
                group.cancelAll()
            }
        }
        return (asked, lastLines)
    }

    /// Copies the server's output into its log until the end, and returns the last of it.
    private static func copy(_ output: SubprocessOutputSequence, to log: ServerLog) async throws -> String {
        var log = log
        defer { log.close() }
        for try await buffer in output {
            try buffer.withUnsafeBytes { try log.append($0) }
        }
        return log.lastLines
    }
}
