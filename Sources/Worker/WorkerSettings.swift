package import Lifeline
package import Postgres

/// What a worker process is told when it starts.
package struct WorkerSettings: Sendable {
    /// Where the queue is.
    package var database: ConnectionConfiguration
    /// Which deployment it hosts.
    package var deployment: String
    /// This machine's name, for people.
    package var host: String
    /// Where backends may be loaded from.
    package var backendDirectories: [String]
    /// Where to keep the slot board; nil if nobody reads it.
    package var slotBoardPath: String?
    /// Told when the backend is loaded and jobs can come; nil if nobody waits for that.
    package var readiness: Readiness?
    /// How often it renews its leases.
    package var heartbeat = Duration.seconds(1)
    /// How long running jobs may take when it drains, before they are given back.
    package var drainGrace = Duration.seconds(30)
    /// How long a job that was told to stop may take to do so before the backend counts as hung.
    package var cancelGrace = Duration.seconds(5)
    /// How long it tries to reach the database before it ends.
    package var connectPatience = Duration.seconds(60)
    /// Jobs claimed ahead of a free slot at most; a backend that is not fast gets none whatever this says.
    package var buffer = 512
    /// How long it waits for a notification before it looks by itself.
    package var pollInterval = Duration.seconds(2)

    /// Tells its resident memory as a part of the limit; nil without a limit.
    package var memory: @Sendable () -> Double? = { nil }
    /// From this part of the limit on it drains, so that another takes its place: at the limit it is ended, and its jobs with
    /// it.
    package var memoryDrain = 0.95

    package init(database: ConnectionConfiguration, deployment: String, host: String, backendDirectories: [String]) {
        self.database = database
        self.deployment = deployment
        self.host = host
        self.backendDirectories = backendDirectories
    }
}
