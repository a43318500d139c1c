import Synchronization
import UpstreamSupport

@testable import BackendKit
@testable import OpenAIClient

/// An OpenAI backend for a test, asked as its host would.
struct Client: Sendable {
    /// What came of a request.
    struct Outcome: Sendable {
        var body = ""
        var tokens: (prompt: Int, completion: Int)?
        var failure: BackendFailure?
        var wasCancelled = false
        var chunks: [String] = []
    }

    let service: OpenAIService

    /// Runs `body` with a backend of that configuration, members without braces, and closes it.
    static func with<Result>(
        _ server: ScriptedServer, _ configuration: String = "", slots: Int = 16,
        _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let more = configuration.isEmpty ? "" : ", \(configuration)"
        let service = try OpenAIService(
            configuration: Array(#"{"base_url": "\#(server.url)"\#(more)}"#.utf8), slots: slots)
        defer { service.close() }
        return try await body(Client(service: service))
    }

    static let question = #"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#

    /// Asks, and returns however it ends.
    func ask(
        _ body: String = Client.question, kind: ServiceDescriptor.Kind = .chat, streaming: Bool = false,
        timeLeft: Duration? = nil
    ) async -> Outcome {
        let sent = SentChunks()
        let stream = BackendStream(isWanted: streaming) { sent.append($0) }
        let head = BackendRequest.Head(
            kind: kind, isStreaming: streaming, job: 4, attempt: 2, timeLeft: timeLeft, callID: 1)
        var outcome = Outcome()
        do {
            let response = try await service.respond(
                to: BackendRequest(head: head, body: Array(body.utf8)), stream: stream)
            outcome.body = String(decoding: response.body, as: UTF8.self)
            outcome.tokens = response.tokens
        } catch let failure as BackendFailure {
            outcome.failure = failure
        } catch {
            outcome.wasCancelled = error is CancellationError
        }
        outcome.chunks = sent.all
        return outcome
    }

    private final class SentChunks: Sendable {
        private let chunks = Mutex<[String]>([])
        func append(_ chunk: [UInt8]) { chunks.withLock { $0.append(String(decoding: chunk, as: UTF8.self)) } }
        var all: [String] { chunks.withLock { $0 } }
    }
}
