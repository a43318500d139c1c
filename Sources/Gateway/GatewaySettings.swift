package import Admission

/// Where and within what bounds a gateway serves.
package struct GatewaySettings: Sendable {
    /// The address to listen on.
    package var host = "127.0.0.1"
    /// The port; 0 takes any that is free.
    package var port = 8080
    /// Whether a port that is taken is a reason to take any other.
    package var takesOtherPort = false
    /// Certificate chain and key files in PEM; nil: no TLS.
    package var certificate: (chain: String, key: String)?
    /// The most connections there may be; more wait to be accepted.
    package var maximumConnections = 4_096
    /// The largest request body.
    package var maximumBodyBytes = 16 << 20
    /// The largest file that may be uploaded.
    package var maximumFileBytes: Int64 = 512 << 20
    /// How deep JSON may nest.
    package var maximumDepth = 128
    /// How long a synchronous call may take; then its job is cancelled.
    package var callTimeout = Duration.seconds(600)
    /// The most jobs one call may submit.
    package var maximumJobsPerCall = 1_000
    /// Connections to the database for calls; one more listens.
    package var databaseConnections = 8
    /// How long a request waits for the database, whatever it asks of it; while that is away longer, requests are refused
    /// at once.
    package var databaseWait = Duration.seconds(5)

    /// Whether webhooks may be sent to addresses that are not of the public internet.
    package var allowsPrivateWebhooks = false
    /// The most requests that are served at a time; one more is told to come back. Fewer than connections, which otherwise
    /// wait without a word.
    package var maximumRequests = 4_000
    /// How long a connection may be without a request, and a request's head may take to come.
    package var idleTimeout = Duration.seconds(60)
    /// How long a body may come as slowly as it likes; afterwards it has to come at 1 KiB/s on average.
    package var bodyGrace = Duration.seconds(30)
    /// The largest header field, and all of them together.
    package var maximumHeaderBytes = (field: 16 << 10, all: 64 << 10)
    /// The most header fields.
    package var maximumHeaderFields = 128
    /// Whom to believe about where a request came from.
    package var proxies = TrustedProxies()
    /// Whether the beginnings of requests and answers are logged.
    package var logsBodies = false

    package init() {}
}
