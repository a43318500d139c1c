import Glibc
import Subprocess
import SystemPackage

/// Everything that makes one server process.
struct ServerLaunch: Sendable {
    /// How often the server's own status is looked at while it starts. It has no event for it.
    static let readinessInterval = Duration.milliseconds(10)

    let binaries: ServerBinaries
    let folder: ServerFolder
    let socketDirectory: String
    let account: ServerAccount?
    let configuration: PrivateServer.Configuration

    var address: ServerAddress { ServerAddress(socketDirectory: socketDirectory, port: configuration.socketPort) }

    /// Fast shutdown, immediate shutdown; a kill follows by itself.
    var teardown: [TeardownStep] {
        [
            .send(signal: .interrupt, allowedDurationToNextStep: configuration.stopTimeout),
            .send(signal: .quit, allowedDurationToNextStep: .seconds(5)),
        ]
    }

    /// The child process: a group of its own, so that Ctrl-C in a terminal reaches only us.
    ///
    /// `setpriv` has the kernel send it a fast shutdown when its parent *thread* ends. Subprocess spawns from one thread
    /// that lives as long as the process, so that is when this process ends, even by kill -9.
    var subprocess: Subprocess.Configuration {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = teardown
        let settings = configuration.settings.values(socketDirectory: socketDirectory)
        let server =
            [binaries.path(of: "postgres"), "-D", folder.cluster]
            + settings.flatMap { ["-c", "\($0.name)=\($0.value)"] }
        return Subprocess.Configuration(
            executable: .name("setpriv"),
            arguments: Arguments((account?.privileges ?? []) + ["--pdeathsig", "INT", "--"] + server),
            environment: .inherit.updating(["PGDATA": nil, "LC_ALL": nil, "LANGUAGE": nil]),
            workingDirectory: FilePath("/"),
            platformOptions: options
        )
    }

    /// Waits until the server process `processID` says that it accepts connections.
    ///
    /// - Throws: `PrivateServerError` with `startTimedOut`; `CancellationError`.
    func waitUntilReady(processID: Int32) async throws {
        let end = ContinuousClock.now + configuration.startTimeout
        while true {
            if let postmaster = folder.postmaster, postmaster.processID == processID, postmaster.isReady { return }
            guard ContinuousClock.now < end else {
                throw PrivateServerError(
                    .startTimedOut,
                    "The database server did not start within \(configuration.startTimeout), see \(folder.log)"
                )
            }
            try await Task.sleep(for: Self.readinessInterval)
        }
    }
}
