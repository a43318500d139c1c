import FoundationEssentials

/// Where a webhook is sent. Pure.
struct WebhookAddress: Sendable, Hashable {
    static let maximumBytes = 2_048

    let url: String
    /// As the HTTP client will look for it: without the brackets of an IPv6 address.
    let host: String

    /// The address `url` is; nil when it is no URL of HTTP with a host, or names a user.
    init?(_ url: String) {
        guard let parts = URL(string: url), ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host(), !host.isEmpty, parts.user() == nil, parts.password() == nil,
            parts.port.map({ 1...65_535 ~= $0 }) ?? true
        else { return nil }
        self.url = url
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }
}
