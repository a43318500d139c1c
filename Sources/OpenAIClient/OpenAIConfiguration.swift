internal import BackendKit

/// The backend's configuration; Plugins/OpenAIBackend/README.md says what each key means.
struct OpenAIConfiguration: Sendable {
    /// A header added to every request.
    struct Header: Sendable, Hashable {
        var name: String
        var value: Value

        enum Value: Sendable, Hashable {
            case text(String)
            case secret(SecretReference)
        }
    }

    /// A number in a request that is moved into a range.
    struct Clamp: Sendable, Hashable {
        var key: String
        var minimum: Double?
        var maximum: Double?
    }

    /// A member put into requests, with its JSON text.
    struct Member: Sendable, Hashable {
        var key: String
        var value: [UInt8]
    }

    /// What stands between the backend and its upstream.
    struct Proxy: Sendable, Hashable {
        var isSOCKS: Bool
        var host: String
        var port: Int
    }

    /// Times after which a request is given up; `whole` bounds the rest, and the job's deadline bounds `whole`.
    struct Times: Sendable, Hashable {
        var connect = Duration.seconds(10)
        var firstByte = Duration.seconds(300)
        var idle = Duration.seconds(60)
        var whole = Duration.seconds(600)
    }

    /// Without a slash at its end.
    var baseURL = ""
    var paths: [ServiceDescriptor.Kind: String] = [
        .chat: "/chat/completions", .completion: "/completions", .embedding: "/embeddings", .response: "/responses",
    ]
    var keys: [SecretReference] = []
    var keyHeader = "authorization"
    var headers: [Header] = []
    var organization: String?
    var project: String?
    var proxy: Proxy?
    var proxyAuthorization: SecretReference?
    var trustedCA: String?
    var isHTTP2Allowed = true
    var times = Times()
    /// Connections at most, or nil for as many as there are slots.
    var connections: Int?
    var maximumAnswerBytes = 16 << 20
    var maximumEventBytes = 1 << 20
    var model: String?
    var models: [String: String] = [:]
    var defaults: [Member] = []
    var forced: [Member] = []
    var clamps: [Clamp] = []
    var includesUsage = true

    /// The keys there are, in the order of the README.
    static let keys = [
        "base_url", "paths", "api_key", "api_key_header", "headers", "organization", "project", "proxy",
        "proxy_authorization", "trusted_ca", "http2", "connections", "connect_timeout_ms", "first_byte_timeout_ms",
        "idle_timeout_ms", "timeout_ms", "max_response_bytes", "max_event_bytes", "model", "models", "defaults",
        "force", "clamp", "include_usage",
    ]

    /// The URL requests of that kind are sent to.
    func url(for kind: ServiceDescriptor.Kind) -> String { baseURL + (paths[kind] ?? "") }
}
