import CLlama

/// Draws tokens for one text, and remembers those it drew.
///
/// Used by one thread at a time: made by a request's task, then handed to the decode thread.
@safe final class LlamaSampler: @unchecked Sendable {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

    deinit { unsafe cllama_sampler_close(pointer) }

    /// The next token for an output of the last decode, nil when the grammar lets none through.
    func sample(_ context: LlamaContext, at index: Int32) -> Int32? {
        let token = unsafe cllama_sample(pointer, context.pointer, index)
        return token < 0 ? nil : token
    }
}
