import BackendKit
import Glibc
import Synchronization

/// The decode thread, and the way to it.
///
/// One thread owns the contexts and runs a loop: read the letters, take a step of the scheduler, decode, sample. Tasks hand it
/// work and wait; between two decodes it looks for new and cancelled work, so both take effect at the next step.
final class Engine: Sendable {
    /// What the thread is told.
    enum Letter: Sendable {
        case generate([Generation], Reply<[Generation.Outcome]>)
        case embed([EmbeddingPacker.Item], Reply<[Embedding]>)
        case cancel(UInt64)
    }

    /// Where the end of a request is told, once.
    struct Reply<Value: Sendable>: Sendable {
        let request: UInt64
        let finish: @Sendable (Result<Value, any Error>) -> Void
    }

    let gauge = EngineGauge()
    private let letters = Mailbox<Letter>()
    private let identifiers = Atomic<UInt64>(1)
    private let thread: Mutex<pthread_t?>

    /// Starts the thread.
    init(
        _ model: LlamaModel, generating: (context: LlamaContext, limits: BatchScheduler.Limits)?,
        embedding: EmbeddingRunner?
    )
        throws(BackendFailure)
    {
        thread = Mutex(nil)
        let loop = EngineLoop(model, letters: letters, generating: generating, embedding: embedding, gauge)
        var started = pthread_t()
        let argument = unsafe Unmanaged.passRetained(loop)
        let status = unsafe pthread_create(
            &started, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<EngineLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard status == 0 else {
            unsafe argument.release()
            throw BackendFailure(.overloaded, "no thread for the model can be started")
        }
        thread.withLock { $0 = started }
    }

    /// Numbers that are used for nothing else.
    func makeIdentifier() -> UInt64 { identifiers.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// Writes all the answers.
    /// - Throws: `CancellationError` when the task is cancelled; their sequences are free one step later.
    func generate(_ generations: [Generation]) async throws -> [Generation.Outcome] {
        try await answer { .generate(generations, $0) }
    }

    /// Embeds texts, in order; `makeItems` is given the number they are to carry.
    func embed(_ texts: [[Int32]]) async throws -> [Embedding] {
        try await answer { reply in
            .embed(
                texts.enumerated().map { .init(request: reply.request, index: $0.offset, tokens: $0.element) }, reply)
        }
    }

    private func answer<Value: Sendable>(_ makeLetter: (Reply<Value>) -> Letter) async throws -> Value {
        let request = makeIdentifier()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let letter = makeLetter(Reply(request: request) { continuation.resume(with: $0) })
                guard letters.put(letter) else { return continuation.resume(throwing: CancellationError()) }
                // The handler may have come before the letter it is about.
                if Task.isCancelled { _ = letters.put(.cancel(request)) }
            }
        } onCancel: {
            _ = letters.put(.cancel(request))
        }
    }

    /// Ends the thread, and with it all that is open; returns when it has ended.
    func close() {
        letters.close()
        guard
            let started = thread.withLock({ thread in
                defer { thread = nil }
                return thread
            })
        else { return }
        pthread_join(started, nil)
    }

    deinit { close() }
}
