/// How a worker claims, runs and finishes jobs.
package struct WorkerSettings: Sendable, Hashable {
    /// Jobs claimed ahead of a free slot at most, for backends faster than a round trip to the database.
    package var buffer = 512
    /// How long an idle worker waits before it looks again when no wake-up came.
    package var pollInterval = Duration.seconds(1)
    /// How long running jobs may go on after the worker was asked to stop.
    package var drainGrace = Duration.seconds(30)
    /// How long a cancelled job may go on before the process is ended.
    package var cancelGrace = Duration.seconds(5)

    /// The defaults.
    package init() {}
}
