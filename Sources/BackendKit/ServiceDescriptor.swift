internal import BackendABI

/// What a backend is and can do.
public struct ServiceDescriptor: Sendable {
    /// What a request asks for.
    public enum Kind: UInt32, Sendable, CaseIterable {
        /// `/v1/chat/completions`
        case chat
        /// `/v1/completions`
        case completion
        /// `/v1/embeddings`
        case embedding
        /// `/v1/responses`
        case response

        /// The kind's bit among a backend's capabilities; bit 3 says that it can stream.
        var capability: UInt32 {
            switch self {
            case .chat: SLUICE_CAN_CHAT
            case .completion: SLUICE_CAN_COMPLETION
            case .embedding: SLUICE_CAN_EMBEDDING
            case .response: SLUICE_CAN_RESPONSE
            }
        }
    }

    /// Letters, digits, `.`, `_` and `-`, 1 to 64 of them.
    public var name: String
    /// The backend's version, same alphabet and `+`.
    public var version: String
    /// The kinds of request it answers; the others are refused as unsupported without asking it.
    public var kinds: Set<Kind>
    /// Whether it sends chunks.
    public var canStream: Bool
    /// How many requests are worth having open at once, 1...65,535.
    public var maximumConcurrency: Int
    /// How many requests it likes to be given together.
    public var preferredBatch: Int

    /// A descriptor of those parts.
    public init(
        name: String,
        version: String,
        kinds: Set<Kind>,
        canStream: Bool = false,
        maximumConcurrency: Int = 64,
        preferredBatch: Int = 1
    ) {
        self.name = name
        self.version = version
        self.kinds = kinds
        self.canStream = canStream
        self.maximumConcurrency = maximumConcurrency
        self.preferredBatch = preferredBatch
    }
}
