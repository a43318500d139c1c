/// How a supervisor keeps its workers.
package struct SupervisorSettings: Sendable, Hashable {
    /// How often a worker says that it is alive.
    package var heartbeatInterval = Duration.seconds(1)
    /// How long a worker may go on with what it runs after it was asked to stop.
    package var drainGrace = Duration.seconds(30)
    /// How long after that it may take to end, before it is killed.
    package var killGrace = Duration.seconds(5)
    /// Ends within `crashLoopWindow` after which a worker is left down until somebody decides.
    package var crashLoopLimit = 5
    /// The time over which ends are counted.
    package var crashLoopWindow = Duration.seconds(60)
    /// The pause before the first restart; it doubles.
    package var backoffMinimum = Duration.milliseconds(200)
    /// The longest pause.
    package var backoffMaximum = Duration.seconds(30)
    /// Resident memory past which a worker is ended; nil for no limit.
    package var memoryLimit: ByteCount?
    /// Memory of the host that its workers may take in all, as rules of scaling count it; nil for what there is.
    package var hostMemory: ByteCount?

    /// The defaults.
    package init() {}
}
