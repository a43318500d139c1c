import Admission
import ArgumentParser
import Gateway
import Postgres

/// Where a gateway listens.
struct GatewayOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The address to listen on for HTTP.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("The port to listen on for HTTP; 0 takes any.", valueName: "port"))
    var port: Int?

    @Option(help: ArgumentHelp("A certificate chain in PEM: HTTP over TLS.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The certificate's private key in PEM.", valueName: "file"))
    var tlsKey: String?

    @Flag(help: "Send webhooks to private, loopback and link-local addresses too.")
    var allowPrivateWebhooks = false
    @Option(
        help: ArgumentHelp(
            "A proxy, or a network of them, whose X-Forwarded-For is believed; may be given several times.",
            valueName: "cidr"))
    var trustedProxy: [AddressRange] = []

    @Option(help: ArgumentHelp("Requests served at a time; one more is answered 503.", valueName: "n"))
    var maxRequests: Int?

    @Option(help: ArgumentHelp("How long a connection may be without a request.", valueName: "length"))
    var idleTimeout: JobsDuration?

    @Option(
        help: ArgumentHelp(
            "How long a request's body may come slowly; then at 1 KiB/s, or the connection is closed.",
            valueName: "length"))
    var bodyGrace: JobsDuration?

    @Option(
        help: ArgumentHelp(
            "How long a request waits for the database; while that is away longer, requests are answered 503 at once.",
            valueName: "length"))
    var databaseWait: JobsDuration?

    @Flag(help: "Log the beginnings of requests and answers, which are otherwise never logged.")
    var logBodies = false

    func validate() throws {
        guard maxRequests ?? 1 > 0 else { throw ValidationError("--max-requests is at least 1.") }
        guard port.map({ 0...65_535 ~= $0 }) ?? true else { throw ValidationError("--port is 0 to 65535.") }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key go together.")
        }
    }

    /// Whether only this host can ask.
    var isLoopback: Bool {
        guard let address = NetworkAddress(host) else { return host == "localhost" }
        return ["127.0.0.0/8", "::1"].contains { AddressRange($0)?.contains(address) == true }
    }

    /// The scheme of the gateway's address.
    var scheme: String { tlsCertificate == nil ? "http" : "https" }

    /// What the options say.
    var settings: GatewaySettings {
        var settings = GatewaySettings()
        settings.host = host
        if let port { settings.port = port }
        if let tlsCertificate, let tlsKey { settings.certificate = (tlsCertificate, tlsKey) }
        settings.allowsPrivateWebhooks = allowPrivateWebhooks
        settings.proxies = TrustedProxies(trustedProxy)
        if let maxRequests { settings.maximumRequests = maxRequests }
        if let idleTimeout { settings.idleTimeout = idleTimeout.value }
        if let bodyGrace { settings.bodyGrace = bodyGrace.value }
        if let databaseWait { settings.databaseWait = databaseWait.value }
        settings.logsBodies = logBodies
        return settings
    }
}
