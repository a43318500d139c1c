/// How a worker process tells its parent why it ended: the exit status.
package enum WorkerExit: Int32, Sendable, CaseIterable {
    /// Drained as it was told.
    case drained = 0
    /// The command line or a setting is wrong: starting it again changes nothing.
    case usage = 64
    /// The database could not be reached in time.
    case databaseUnavailable = 69
    /// A bug of Sluice.
    case software = 70
    /// The backend cannot be used: file missing, not trusted, wrong ABI, bad configuration.
    case backendRefused = 78
    /// A call did not end within its time and the grace after it.
    case hung = 81
    /// It was declared dead, and its jobs given to others.
    case declaredDead = 82
    /// It used more memory than it may.
    case memoryLimit = 83
    /// The backend said that its instance is unusable.
    case backendFatal = 84
    /// Its parent is gone.
    case orphaned = 85
    /// It came close to the memory it may use, and drained so that another takes its place.
    case memoryDrained = 86
    /// Told twice to end, the last time by SIGHUP: 128 and the signal's number, as a shell says it.
    case hungUp = 129
    /// Told twice to end, the last time by SIGINT.
    case interrupted = 130
    /// Told twice to end, the last time by SIGTERM: a service manager may tell every process of a service, and the supervisor
    /// its workers.
    case terminated = 143

    /// Whether the jobs that had started are to blame.
    package var chargesJobs: Bool { self == .hung || self == .memoryLimit }

    /// Whether starting the same worker again at once is of no use.
    package var isConfigurationFault: Bool { self == .usage || self == .backendRefused }
}
