/// The answer to a request.
public struct BackendResponse: Sendable {
    /// The OpenAI-shaped answer: a JSON object in UTF-8, at most 64 MiB.
    ///
    /// For a streaming request the whole answer too.
    public var body: [UInt8]
    /// Tokens of the prompt and of the answer, or nil when they are not known.
    public var tokens: (prompt: Int, completion: Int)?
    /// Whether nobody counted `tokens`, and they are a guess.
    public var areTokensEstimated: Bool

    /// An answer of those parts.
    public init(
        body: [UInt8], tokens: (prompt: Int, completion: Int)? = nil, areTokensEstimated: Bool = false
    ) {
        self.body = body
        self.tokens = tokens
        self.areTokensEstimated = areTokensEstimated
    }
}

/// Why there is no answer.
public struct BackendFailure: Error, Sendable {
    /// What the host does next: see `sluice_status` in the header.
    public enum Class: Int32, Sendable, CaseIterable {
        /// Another try may work.
        case retryable = 1
        /// The upstream asked to wait.
        case rateLimited = 2
        /// The request can never work.
        case invalidRequest = 3
        /// The backend's credentials were refused.
        case auth = 4
        /// The backend does not offer what is asked for.
        case unsupported = 5
        /// No room now.
        case overloaded = 6
        /// The instance is unusable; the worker is to be replaced.
        case fatal = 7
    }

    /// What the host does next.
    public var errorClass: Class
    /// One sentence for people, without secrets, at most 2 KiB.
    public var message: String
    /// How long to wait before another try, when that is known.
    public var retryAfter: Duration?
    /// The upstream's own error object, or empty.
    public var body: [UInt8]

    /// A failure of that class.
    public init(_ errorClass: Class, _ message: String, retryAfter: Duration? = nil, body: [UInt8] = []) {
        self.errorClass = errorClass
        self.message = message
        self.retryAfter = retryAfter
        self.body = body
    }
}
