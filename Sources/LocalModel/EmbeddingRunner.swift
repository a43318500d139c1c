import BackendKit

/// Embeds texts batch by batch, on the decode thread.
final class EmbeddingRunner: @unchecked Sendable {
    private struct Open {
        var reply: Engine.Reply<[Embedding]>
        var embeddings: [Embedding?]
        var left: Int
    }

    /// What one batch came to.
    struct Done: Sendable {
        var tokens = 0
        var seconds = 0.0
        var failed = 0
    }

    private let context: LlamaContext
    private let normalizes: Bool
    private var packer: EmbeddingPacker
    private var open: [UInt64: Open] = [:]

    /// Tokens one text may have.
    let longest: Int

    init(_ context: LlamaContext, tokens: Int, texts: Int, normalizes: Bool) {
        self.context = context
        self.normalizes = normalizes
        longest = min(tokens, context.size)
        packer = EmbeddingPacker(tokens: tokens, texts: texts)
    }

    var isIdle: Bool { packer.isEmpty }

    func submit(_ items: [EmbeddingPacker.Item], _ reply: Engine.Reply<[Embedding]>) {
        open[reply.request] = Open(
            reply: reply, embeddings: Array(repeating: nil, count: items.count), left: items.count)
        for item in items { packer.submit(item) }
    }

    func cancel(_ request: UInt64) { finish(request, .failure(CancellationError())) }

    func cancelAll() {
        for request in open.keys.sorted() { cancel(request) }
    }

    /// Embeds the next batch, nil when there is none.
    func step() -> Done? {
        let batch = packer.next()
        guard !batch.isEmpty else { return nil }
        let began = EngineLoop.now()
        context.clearBatch()
        var done = Done()
        for (sequence, item) in batch.enumerated() {
            context.forget(sequence, from: 0)
            for (position, token) in item.tokens.enumerated() {
                context.add(token, position: position, sequence: sequence, wantsOutput: true)
            }
            done.tokens += item.tokens.count
        }
        let isDecoded = context.decode()
        for (sequence, item) in batch.enumerated() {
            if isDecoded, let values = unsafe context.embedding(of: sequence) {
                var embedding = unsafe Embedding(values: Array(values))
                if normalizes { embedding.normalize() }
                keep(embedding, item)
            } else if open[item.request] != nil {
                done.failed += 1
                finish(item.request, .failure(BackendFailure(.retryable, "the model failed to embed")))
            }
        }
        done.seconds = EngineLoop.now() - began
        return done
    }

    private func keep(_ embedding: Embedding, _ item: EmbeddingPacker.Item) {
        guard var found = open[item.request] else { return }
        found.embeddings[item.index] = embedding
        found.left -= 1
        open[item.request] = found
        if found.left == 0 { finish(item.request, .success(found.embeddings.compactMap(\.self))) }
    }

    private func finish(_ request: UInt64, _ result: Result<[Embedding], any Error>) {
        guard let found = open.removeValue(forKey: request) else { return }
        packer.cancel(request)
        found.reply.finish(result)
    }
}
