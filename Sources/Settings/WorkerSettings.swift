/// How a worker claims, runs and finishes jobs.
package struct WorkerSettings: Sendable, Hashable {
    /// Jobs in the backend at a time. The backend's own limit holds as well.
    package var slots = 8
    /// Jobs claimed ahead of a free slot, for backends faster than a round trip to the database.
    package var buffer = 64
    /// Jobs of one claim at most.
    package var claimLimit = 100
    /// How long an idle worker waits before it looks again when no wake-up came.
    package var pollInterval = Duration.seconds(1)
    /// Results written together at most.
    package var finishLimit = 100
    /// How long a result may wait for others to be written with.
    package var finishDelay = Duration.milliseconds(2)
    /// How long running jobs may go on after the worker was asked to stop.
    package var drainGrace = Duration.seconds(30)
    /// How long a cancelled job may go on before the process is ended.
    package var cancelGrace = Duration.seconds(5)

    /// The defaults.
    package init() {}
}
