public import BackendKit
internal import JSONText
internal import Synchronization

/// Answers requests by asking a server that speaks the OpenAI API.
///
/// It asks once: what may work at another try is for the queue to try. The one exception is a refused key when there are
/// several, since no answer has begun and the queue has no keys to turn.
public final class OpenAIService: BackendService {
    /// The name, the kinds, and as many requests at once as one event loop carries with ease.
    public static let descriptor = ServiceDescriptor(
        name: "openai",
        version: "1.0.0",
        kinds: [.chat, .completion, .embedding, .response],
        canStream: true,
        maximumConcurrency: 4_096,
        preferredBatch: 16
    )

    let configuration: OpenAIConfiguration
    let upstream: Upstream
    let shape: RequestShape
    let judge: FailureJudge
    let ring: Mutex<KeyRing>
    let record = Mutex(UpstreamRecord())

    /// Reads the configuration and the secrets it refers to; nothing is asked of the upstream.
    public init(configuration: [UInt8], slots: Int) throws {
        let configuration = try OpenAIConfiguration(parsing: configuration)
        upstream = try Upstream(configuration, slots: slots)
        shape = RequestShape(configuration: configuration)
        judge = FailureJudge(redaction: upstream.redaction)
        ring = Mutex(KeyRing(count: upstream.keyCount))
        self.configuration = configuration
    }

    /// Answers a request from the upstream, within the configured times and the job's deadline.
    public func respond(to request: BackendRequest, stream: BackendStream) async throws -> BackendResponse {
        record.withLock { $0.began() }
        do {
            let shaped = try shape.shaped(request.body, kind: request.kind, isStreaming: request.isStreaming)
            let answered = try await answer(request, shaped, stream)
            record.withLock { $0.succeeded(answered.usage) }
            return BackendResponse(
                body: answered.body, tokens: (answered.usage.prompt, answered.usage.completion),
                areTokensEstimated: answered.usage.isEstimated)
        } catch {
            // The watch ends a request by cancelling it as well: only the host's cancelling is one.
            if Task.isCancelled {
                record.withLock { $0.wasCancelled() }
                throw CancellationError()
            }
            let failure = TransportFailure.failure(for: error)
            record.withLock { $0.failed(failure, at: .now) }
            throw failure
        }
    }

    /// Runs the request beside a watch over its times.
    private func answer(
        _ request: BackendRequest, _ shaped: RequestShape.Shaped, _ stream: BackendStream
    ) async throws -> Answered {
        let watch = CallWatch(configuration.times, timeLeft: request.head.timeLeft)
        return try await withThrowingTaskGroup(of: Answered.self) { group in
            group.addTask { try await self.ask(request, shaped, stream, watch) }
            group.addTask { try await watch.run() }
            if request.isStreaming { group.addTask { try await watch.runBehindAnswer() } }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    /// Asks with one key after the other, beginning with the current one, until one is not refused.
    private func ask(
        _ request: BackendRequest, _ shaped: RequestShape.Shaped, _ stream: BackendStream, _ watch: CallWatch
    ) async throws -> Answered {
        var tried: [Int] = []
        while true {
            let key = ring.withLock { $0.next(after: tried) }
            do {
                let exchange = Exchange(service: self, request: request, shaped: shaped, stream: stream, watch: watch)
                return try await exchange.run(key: key)
            } catch let broken as BrokenOff {
                throw broken.failure
            } catch let failure as BackendFailure where failure.errorClass == .auth {
                guard let key else { throw failure }
                tried.append(key)
                ring.withLock { $0.refused(key) }
                guard ring.withLock({ $0.next(after: tried) }) != nil else { throw failure }
                Host.log(.warning, "the upstream refused key \(key + 1) of \(upstream.keyCount); the next is used")
                watch.restarted()
            }
        }
    }

    /// From how the last requests ended.
    public func health() -> ServiceHealth { record.withLock { $0.health(at: .now) } }

    /// Counts since the start.
    public func stats() -> [UInt8] {
        let rotations = ring.withLock { $0.rotations }
        return record.withLock { $0.json(rotations: rotations) }
    }

    /// Closes the connections.
    public func close() { upstream.close() }
}
