import CLlama

/// Sequences of tokens in memory, and the batch that extends them.
///
/// Used by one thread at a time.
@safe final class LlamaContext: @unchecked Sendable {
    let pointer: OpaquePointer
    // The context reads the model's weights.
    private let model: LlamaModel

    init(_ pointer: OpaquePointer, model: LlamaModel) {
        unsafe self.pointer = unsafe pointer
        self.model = model
    }

    deinit { unsafe cllama_context_close(pointer) }

    /// What one sequence may hold.
    var size: Int { unsafe Int(cllama_context_size(pointer)) }
    /// Whether embeddings are pooled, and how: see CLlama.h.
    var pooling: Int { unsafe Int(cllama_context_pooling(pointer)) }

    func clearBatch() { unsafe cllama_batch_clear(pointer) }

    /// Adds a token to the batch and returns its index there.
    @discardableResult
    func add(_ token: Int32, position: Int, sequence: Int, wantsOutput: Bool) -> Int32 {
        unsafe cllama_batch_add(pointer, token, Int32(position), Int32(sequence), wantsOutput)
    }

    /// Whether the batch was decoded.
    func decode() -> Bool { unsafe cllama_decode(pointer) == 0 }

    func bestToken(at index: Int32) -> Int32 { unsafe cllama_best(pointer, index) }

    /// The logits of an output; valid until the next decode.
    func logits(at index: Int32) -> UnsafeBufferPointer<Float>? {
        unsafe cllama_logits(pointer, index).map {
            unsafe UnsafeBufferPointer(start: $0, count: Int(model.facts.vocabulary))
        }
    }

    /// The pooled embedding of a sequence of the last batch; valid until the next decode.
    func embedding(of sequence: Int) -> UnsafeBufferPointer<Float>? {
        unsafe cllama_embedding(pointer, Int32(sequence)).map {
            unsafe UnsafeBufferPointer(start: $0, count: Int(model.facts.dimensions))
        }
    }

    /// Forgets a sequence from a position on.
    func forget(_ sequence: Int, from position: Int) {
        _ = unsafe cllama_forget(pointer, Int32(sequence), Int32(position))
    }

    /// Makes a sequence the same as another.
    func copy(_ source: Int, to target: Int) { unsafe cllama_copy(pointer, Int32(source), Int32(target)) }
}
