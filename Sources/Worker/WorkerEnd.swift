package import Lifeline

/// Why a worker ended other than by draining.
package struct WorkerEnd: Error, Sendable, CustomStringConvertible {
    /// What its parent is told.
    package let exit: WorkerExit
    /// One sentence for a person.
    package let message: String

    package init(_ exit: WorkerExit, _ message: String) {
        self.exit = exit
        self.message = message
    }

    package var description: String { message }
}
