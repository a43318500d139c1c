/// How an instance says it is.
package struct BackendHealth: Sendable, Hashable {
    /// What the host does about it.
    package enum State: String, Sendable, CaseIterable {
        /// Calls can be expected to work.
        case well
        /// Give it less.
        case strained
        /// Calls would fail now.
        case failing
        /// The worker process is to be replaced.
        case unusable
    }

    /// The verdict.
    package var state: State
    /// A JSON object with the backend's own details, or nil.
    package var detail: [UInt8]?

    /// A health of those parts.
    package init(state: State, detail: [UInt8]? = nil) {
        self.state = state
        self.detail = detail
    }
}
