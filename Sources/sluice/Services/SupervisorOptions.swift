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

    @Option(
        help: ArgumentHelp(
            """
            Memory of this host that its workers may take in all, such as 64GiB. Default: nine tenths of what the machine, \
            or its control group, has.
            """, valueName: "size"))
    var hostMemory: ScalingOptions.Size?

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp(
            "What rules of scaling may ask of a host, such as gpu=a100; may be repeated.", valueName: "name=value"))
    var labels: [Label] = []

    @OptionGroup var backends: BackendOptions

    /// `name=value`.
    struct Label: ExpressibleByArgument {
        var name: String
        var value: String

        init?(argument: String) {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, argument.utf8.count <= 200 else { return nil }
            (name, value) = (String(parts[0]), String(parts[1]))
        }
    }

    func validate() throws {
        if let hostMemory, hostMemory.bytes < 16 << 20 {
            throw ValidationError("--host-memory must be at least 16 MiB.")
        }
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
        settings.hostMemory =
            hostMemory.map { Int($0.bytes) } ?? wanted.supervisor.hostMemory?.bytes ?? HostMemory.available()
        settings.labels = Dictionary(labels.map { ($0.name, $0.value) }) { $1 }
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
