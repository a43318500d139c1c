internal import AsyncHTTPClient
internal import BackendKit
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// The connections to an upstream: one client on one event loop, and what every request carries.
///
/// It must be closed before it is let go of.
struct Upstream: Sendable {
    /// The keys' secrets, in the order of the configuration.
    private let keys: [String]
    private let keyHeader: String
    private let headers: HTTPHeaders
    private let client: HTTPClient
    private let group: MultiThreadedEventLoopGroup
    /// Takes every secret out of what is told.
    let redaction: Redaction

    /// How many event loops carry the connections: one.
    var loopCount: Int { group.makeIterator().reduce(0) { count, _ in count + 1 } }

    /// How many keys there are.
    var keyCount: Int { keys.count }

    /// Reads the secrets and certificates and makes the client; nothing is connected yet.
    ///
    /// - Throws: `auth` when a secret is not there, `invalidRequest` when the certificates cannot be read.
    init(_ configuration: OpenAIConfiguration, slots: Int) throws(BackendFailure) {
        var secrets: [String] = []
        keys = try configuration.keys.map { reference throws(BackendFailure) in try reference.resolve() }
        secrets += keys
        var headers: HTTPHeaders = ["content-type": "application/json", "user-agent": "sluice-openai/1.0.0"]
        for header in configuration.headers {
            switch header.value {
            case .text(let text): headers.replaceOrAdd(name: header.name, value: text)
            case .secret(let reference):
                let secret = try reference.resolve()
                secrets.append(secret)
                headers.replaceOrAdd(name: header.name, value: secret)
            }
        }
        if let organization = configuration.organization {
            headers.replaceOrAdd(name: "openai-organization", value: organization)
        }
        if let project = configuration.project { headers.replaceOrAdd(name: "openai-project", value: project) }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: try Self.tls(trusting: configuration.trustedCA),
            redirectConfiguration: .disallow,
            timeout: .init(connect: .nanoseconds(configuration.times.connect.wholeNanoseconds), read: nil)
        )
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections ?? max(1, slots)
        // A connection that cannot be made is a failure the queue retries, not one to be waited out here.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.httpVersion = configuration.isHTTP2Allowed ? .automatic : .http1Only
        if let proxy = configuration.proxy {
            let credentials = try configuration.proxyAuthorization?.resolve()
            if let credentials { secrets.append(credentials) }
            settings.proxy = Self.proxy(proxy, credentials)
        }
        self.headers = headers
        keyHeader = configuration.keyHeader
        redaction = Redaction(secrets)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings)
    }

    private static func tls(trusting path: String?) throws(BackendFailure) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        guard let path else { return tls }
        do {
            tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(path))]
        } catch {
            throw BackendFailure(
                .invalidRequest, "the openai backend's 'trusted_ca' names no readable file of certificates in PEM form")
        }
        return tls
    }

    private static func proxy(
        _ proxy: OpenAIConfiguration.Proxy, _ credentials: String?
    ) -> HTTPClient.Configuration.Proxy {
        if proxy.isSOCKS { return .socksServer(host: proxy.host, port: proxy.port) }
        guard let credentials else { return .server(host: proxy.host, port: proxy.port) }
        let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let authorization = HTTPClient.Authorization.basic(
            username: String(parts[0]), password: parts.count > 1 ? String(parts[1]) : "")
        return .server(host: proxy.host, port: proxy.port, authorization: authorization)
    }

    /// Sends a request and returns its answer's head, the body still to come.
    ///
    /// Cancelling the task closes the request.
    func send(
        _ body: [UInt8], to url: String, key: Int?, name: String, isStreaming: Bool
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = headers
        request.headers.replaceOrAdd(name: "x-client-request-id", value: name)
        request.headers.replaceOrAdd(name: "accept", value: isStreaming ? "text/event-stream" : "application/json")
        if let key {
            let secret = keyHeader == "authorization" ? "Bearer \(keys[key])" : keys[key]
            request.headers.replaceOrAdd(name: keyHeader, value: secret)
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        // The watch beside the call keeps the times; a deadline here would only be a second opinion.
        return try await client.execute(request, deadline: .now() + .hours(25))
    }

    /// Closes every connection and ends the event loop's thread; requests under way fail. Blocks for a moment.
    func close() {
        do {
            try client.syncShutdown()
            try group.syncShutdownGracefully()
        } catch {
            Host.log(.warning, "closing the connections to the upstream failed: \(type(of: error))")
        }
    }
}

extension Duration {
    /// Whole nanoseconds, bounded by what fits.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return min(seconds, 1_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
