internal import AsyncHTTPClient
internal import BackendKit
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Errors below HTTP, in words. All are the way to the upstream and not the request: retryable.
enum TransportFailure {
    /// The failure for any error a request can end with.
    static func failure(for error: any Error) -> BackendFailure {
        if let failure = error as? BackendFailure { return failure }
        return BackendFailure(.retryable, sentence(error))
    }

    private static let unreachable = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL]

    private static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .tlsHandshakeTimeout, .socksHandshakeTimeout, .httpProxyHandshakeTimeout,
                .getConnectionFromPoolTimeout:
                "no connection to the upstream could be made in time (\(error.shortDescription))"
            case .remoteConnectionClosed: "the upstream closed the connection before its answer had ended"
            default: "the request to the upstream failed: \(error.shortDescription)"
            }
        case is NIOConnectionError: "no connection to the upstream could be made"
        case is NIOSSLError, is BoringSSLError: "the TLS connection to the upstream failed: \(type(of: error))"
        case HTTPParserError.invalidEOFState: "the upstream closed the connection before its answer had ended"
        case let error as HTTPParserError: "the upstream's answer is not HTTP: \(error)"
        case let error as IOError where unreachable.contains(error.errnoCode):
            "no connection to the upstream could be made (errno \(error.errnoCode))"
        case let error as IOError: "the connection to the upstream was lost (errno \(error.errnoCode))"
        case is ChannelError: "the connection to the upstream was lost"
        default: "the request to the upstream failed: \(type(of: error))"
        }
    }
}
