/// How an instance is.
public struct ServiceHealth: Sendable {
    /// What the host is to do about it.
    public enum State: Int32, Sendable {
        /// Requests can be expected to work.
        case well = 0
        /// Requests would fail now.
        case failing = 1
        /// Give it less.
        case strained = 6
        /// Replace the process.
        case unusable = 7
    }

    /// The verdict.
    public var state: State
    /// A JSON object with details of at most 64 KiB, or empty.
    public var detail: [UInt8]

    /// A verdict with details.
    public init(_ state: State, detail: [UInt8] = []) {
        self.state = state
        self.detail = detail
    }
}
