/// Standard output could not be written.
public struct ConsoleError: Error, Sendable, Hashable {
    /// What went wrong.
    public enum Code: String, Sendable, CaseIterable {
        /// Nobody reads any more: the command's output went to `head`, say. Reason to stop, not a failure.
        case closed
        case noSpace = "no_space"
        case failed
    }

    /// What went wrong.
    public let code: Code
    /// The system's number for it.
    public let cause: Int32

    /// What the process ends with: `ok` when nobody reads any more.
    public var exitCode: ExitCode { code == .closed ? .ok : .io }
}

extension ConsoleError: CustomStringConvertible {
    /// One sentence.
    public var description: String {
        switch code {
        case .closed: "Nobody reads standard output any more."
        case .noSpace: "The disk is full: standard output could not be written."
        case .failed: "Standard output could not be written (error \(cause) of the system)."
        }
    }
}
