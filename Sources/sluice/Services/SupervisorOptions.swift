import Fleet
import ArgumentParser
import Glibc
import Logging
import Settings
import Supervisor

/// How this host's workers are kept.
struct SupervisorOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Resident bytes past which a worker is ended.", valueName: "bytes"))
    var workerMemoryLimit: Int?

    @OptionGroup var backends: BackendOptions

    func validate() throws {
        if let workerMemoryLimit, workerMemoryLimit < 32 << 20 {
            throw ValidationError("--worker-memory-limit must be at least 32 MiB.")
        }
    }

    /// A supervisor of the queue at `conninfo`.
    ///
    /// - Parameter folder: where slot boards are kept below; nil: the runtime folder of this user.
    func supervisor(
        conninfo: String, folder: String?, settings wanted: SluiceSettings, logger: Logger
    ) throws -> Supervisor {
        var settings = Supervisor.Settings(
            conninfo: conninfo, runDirectory: Self.runDirectory(in: folder), host: ProcessEnvironment.host,
            backendDirectories: backends.directories)
        settings.environment = ProcessEnvironment.variables
        settings.environment["SLUICE_BACKENDS"] = backends.directories.joined(separator: ":")
        settings.memoryLimit = workerMemoryLimit ?? wanted.supervisor.memoryLimit?.bytes
        settings.workerLogLevel = Logger.Level(rawValue: wanted.log.level.rawValue) ?? .info
        settings.restarts.limit = wanted.supervisor.crashLoopLimit
        settings.restarts.window = wanted.supervisor.crashLoopWindow
        settings.restarts.minimumPause = wanted.supervisor.backoffMinimum
        settings.restarts.maximumPause = wanted.supervisor.backoffMaximum
        settings.graces.drain = wanted.worker.drainGrace + wanted.supervisor.killGrace
        return try Supervisor(settings: settings, logger: logger)
    }

    private static func runDirectory(in folder: String?) -> String {
        if let folder { return folder + "/workers" }
        return (ProcessEnvironment.variable("XDG_RUNTIME_DIR") ?? "/tmp") + "/sluice-\(getuid())"
    }
}
