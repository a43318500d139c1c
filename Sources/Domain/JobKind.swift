/// Which of the OpenAI-shaped requests a job carries. The raw value is the word used in SQL and in a backend's
/// capabilities.
public enum JobKind: String, Sendable, CaseIterable, Codable {
    case chat
    case completion
    case embedding
    case response

    /// The path of the request in the OpenAI API, as batch files name it.
    public var path: String {
        switch self {
        case .chat: "/v1/chat/completions"
        case .completion: "/v1/completions"
        case .embedding: "/v1/embeddings"
        case .response: "/v1/responses"
        }
    }

    /// The kind a path of the OpenAI API asks for, or nil when Sluice does not serve that path.
    public init?(path: String) {
        guard let kind = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = kind
    }
}
