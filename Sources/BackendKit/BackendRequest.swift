internal import BackendABI

/// One request to a backend.
public struct BackendRequest: Sendable {
    /// What is known of a request besides its body.
    public struct Head: Sendable {
        /// What is asked for.
        public let kind: ServiceDescriptor.Kind
        /// Whether chunks are wanted.
        public let isStreaming: Bool
        /// The job, for logs.
        public let job: Int64
        /// Which attempt of the job this is, from 1, for logs.
        public let attempt: Int
        /// What was left until the deadline when the request came, or nil.
        public let timeLeft: Duration?
        /// The call's number in the ABI, for backends that speak to the host themselves.
        public let callID: UInt64

        /// Whether the host has cancelled the request; cheap enough to be asked once per token.
        public var isCancelled: Bool { Host.isCancelled(callID) }
    }

    /// What is known of the request besides its body.
    public let head: Head
    /// The OpenAI-shaped request: a JSON object in UTF-8.
    public let body: [UInt8]

    /// What is asked for.
    public var kind: ServiceDescriptor.Kind { head.kind }
    /// Whether chunks are wanted.
    public var isStreaming: Bool { head.isStreaming }
}

extension BackendRequest.Head {
    init(_ call: sluice_call_borrowed, kind: ServiceDescriptor.Kind) {
        self.kind = kind
        unsafe isStreaming = call.flags & 1 != 0
        unsafe job = call.job_id
        unsafe attempt = Int(call.attempt)
        unsafe timeLeft = call.deadline_ms == 0 ? nil : .milliseconds(Int64(clamping: call.deadline_ms))
        unsafe callID = call.call_id
    }
}
