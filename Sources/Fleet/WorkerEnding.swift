/// How a worker process ended, as far as it decides anything.
package struct WorkerEnding: Sendable, Hashable {
    /// One line for people.
    package var cause: String
    /// Whether it drained and ended as it should.
    package var isOrderly = false
    /// Whether the jobs that had started are to blame.
    package var chargesJobs = false
    /// Whether starting it again at once is of no use.
    package var isConfigurationFault = false
    /// The exit status, when it exited.
    package var exitStatus: Int32?
    /// The signal, when one ended it.
    package var signal: Int32?

    /// An ending for `cause`; nobody is to blame unless said.
    package init(_ cause: String) { self.cause = cause }
}
