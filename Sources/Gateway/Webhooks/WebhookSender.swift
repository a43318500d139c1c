import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import Queue

/// Sends one message to one address, and says what that came to.
///
/// The name is resolved first and the connection made to the address that was judged, so that it cannot change in between.
/// Redirects are not followed. Of an answer nothing but its head is read, which has to be there within `answerTime`: what comes
/// after it could take as long as the receiver likes.
struct WebhookSender: Sendable {
    /// Whether addresses that are not of the public internet may be asked.
    let allowsPrivate: Bool

    private static let connectTime = TimeAmount.seconds(5)
    private static let answerTime = TimeAmount.seconds(15)

    /// What a send came to.
    struct Outcome: Sendable {
        var status: Int16?
        /// Why it was not delivered; nil when it was.
        var error: String?
        /// Whether another try cannot help.
        var isFinal = false
    }

    func send(_ message: WebhookMessage, to url: String) async -> Outcome {
        guard let address = WebhookAddress(url) else {
            return Outcome(error: "the URL is none of HTTP", isFinal: true)
        }
        let resolved: [HostAddress]
        do { resolved = try await HostAddress.resolve(address.host) } catch {
            return Outcome(error: "the host's name could not be resolved")
        }
        // All of them: a name that stands for an inner address as well is not to be trusted.
        guard allowsPrivate || resolved.allSatisfy({ AddressGuard.isPublic($0.bytes) }) else {
            return Outcome(error: "the host's address is not of the public internet", isFinal: true)
        }
        do {
            return try await post(message, to: address, at: resolved[0])
        } catch let error as HTTPClientError {
            return Outcome(error: "nobody answered: \(error.shortDescription)")
        } catch {
            return Outcome(error: "nobody answered: \(type(of: error))")
        }
    }

    private func post(
        _ message: WebhookMessage, to address: WebhookAddress, at resolved: HostAddress
    ) async throws -> Outcome {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: Self.connectTime, read: Self.answerTime))
        settings.dnsOverride = [address.host: resolved.text]
        settings.httpVersion = .http1Only
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: settings)
        do {
            let outcome = try await exchange(message, address, client)
            try await client.shutdown()
            return outcome
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private func exchange(
        _ message: WebhookMessage, _ address: WebhookAddress, _ client: HTTPClient
    ) async throws -> Outcome {
        var request = HTTPClientRequest(url: address.url)
        request.method = .POST
        for header in message.headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(bytes: message.payload))
        let response = try await client.execute(request, deadline: .now() + Self.answerTime)
        let status = Int16(clamping: response.status.code)
        switch response.status.code {
        case 200...299: return Outcome(status: status)
        case 300...399: return Outcome(status: status, error: "it redirects, which is not followed")
        case 410: return Outcome(status: status, error: "it is gone", isFinal: true)
        default: return Outcome(status: status, error: "it answered with status \(status)")
        }
    }
}
