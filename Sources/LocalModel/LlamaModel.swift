import BackendKit
import CLlama

/// A model in memory: its facts, its vocabulary, its template.
///
/// Reading is safe from many threads at once; libllama changes nothing of a model after it was loaded.
@safe final class LlamaModel: @unchecked Sendable {
    let facts: cllama_model_facts
    /// The family of models, such as `llama` or `bert`.
    let architecture: String
    fileprivate let pointer: OpaquePointer

    init(path: String, gpuLayers: Int, usesMmap: Bool, usesMlock: Bool) throws(BackendFailure) {
        var pointer: OpaquePointer?
        let complaint = unsafe LlamaLibrary.sentence {
            unsafe pointer = cllama_model_open(path, Int32(gpuLayers), usesMmap, usesMlock, $0)
            return unsafe pointer == nil
        }
        guard let pointer = unsafe pointer else {
            throw BackendFailure(.invalidRequest, "\(path) cannot be loaded: \(complaint)")
        }
        unsafe self.pointer = unsafe pointer
        facts = unsafe cllama_model_facts_of(pointer)
        architecture = unsafe Self.metadata("general.architecture", pointer) ?? "unknown"
    }

    deinit { unsafe cllama_model_close(pointer) }

    private static func metadata(_ key: String, _ pointer: OpaquePointer) -> String? {
        var isThere = false
        let text = unsafe LlamaLibrary.sentence {
            isThere = unsafe cllama_model_metadata(pointer, key, $0)
            return isThere
        }
        return isThere ? text : nil
    }

    /// The value of a metadata key, cut at 1 KiB.
    func metadata(_ key: String) -> String? { unsafe Self.metadata(key, pointer) }

    /// The chat template of the model itself.
    var chatTemplate: String? { unsafe cllama_model_template(pointer).map { unsafe String(cString: $0) } }

    /// The tokens of a text.
    ///
    /// - Parameters:
    ///   - addsSpecial: whether the tokens the model wants around every text are added.
    ///   - parsesSpecial: whether the names of special tokens in the text mean those tokens.
    func tokens(of text: String, addsSpecial: Bool = true, parsesSpecial: Bool) -> [Int32] {
        var text = text
        return text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                var count = 0
                for capacity in [bytes.count + 8, bytes.count * 2 + 64] {
                    let tokens = unsafe [Int32](unsafeUninitializedCapacity: capacity) { buffer, used in
                        count = unsafe Int(
                            cllama_tokenize(
                                pointer, bytes.baseAddress, Int32(bytes.count), buffer.baseAddress, Int32(capacity),
                                addsSpecial, parsesSpecial))
                        used = max(0, count)
                    }
                    if count >= 0 { return tokens }
                }
                return []
            }
        }
    }

    /// Whether the model ends its answer with this token.
    func isEnd(_ token: Int32) -> Bool { unsafe cllama_is_end(pointer, token) }

    /// Calls `body` with the bytes of a token, which may be a part of a character, or nothing for a control token.
    func withPiece<Result>(
        of token: Int32, isSpecial: Bool = false, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        for capacity in [256, 65_536] {
            let result: Result? = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
                let count = unsafe cllama_piece(pointer, token, buffer.baseAddress, Int32(capacity), isSpecial)
                guard count >= 0, let start = buffer.baseAddress else { return nil }
                return unsafe start.withMemoryRebound(to: UInt8.self, capacity: Int(count)) {
                    unsafe body(UnsafeBufferPointer(start: $0, count: Int(count)))
                }
            }
            if let result { return result }
        }
        return unsafe body(UnsafeBufferPointer(start: nil, count: 0))
    }

    /// The bytes of a token; of a control token its name when `isSpecial`, otherwise nothing.
    func piece(of token: Int32, isSpecial: Bool = false) -> [UInt8] {
        guard token >= 0 else { return [] }
        return unsafe withPiece(of: token, isSpecial: isSpecial) { unsafe Array($0) }
    }

    /// A sampler with these settings.
    func makeSampler(_ settings: SamplingSettings, seed: UInt32) throws(BackendFailure) -> LlamaSampler {
        let tokens = settings.bias.map(\.token)
        let values = settings.bias.map(\.value)
        guard tokens.allSatisfy({ $0 < facts.vocabulary }) else {
            throw BackendFailure(
                .invalidRequest, "'logit_bias' has a token the model does not: it has \(facts.vocabulary)")
        }
        let pointer: OpaquePointer? = unsafe tokens.withUnsafeBufferPointer { tokens in
            unsafe values.withUnsafeBufferPointer { values in
                func open(_ grammar: UnsafePointer<CChar>?) -> OpaquePointer? {
                    unsafe cllama_sampler_open(
                        self.pointer,
                        cllama_sampling(
                            temperature: Float(settings.temperature), top_k: Int32(settings.topK),
                            top_p: Float(settings.topP), min_p: Float(settings.minP),
                            penalty_window: settings.hasPenalties ? Int32(settings.penaltyWindow) : 0,
                            repeat_penalty: Float(settings.repeatPenalty),
                            frequency_penalty: Float(settings.frequencyPenalty),
                            presence_penalty: Float(settings.presencePenalty), seed: seed,
                            bias_tokens: tokens.baseAddress, bias_values: values.baseAddress,
                            bias_count: Int32(tokens.count), grammar: grammar))
                }
                return unsafe settings.grammar.map { unsafe $0.withCString(open) } ?? open(nil)
            }
        }
        guard let pointer = unsafe pointer else {
            throw BackendFailure(.invalidRequest, "the grammar of the request cannot be read")
        }
        return unsafe LlamaSampler(pointer)
    }

    /// A context of this model.
    func makeContext(_ settings: cllama_context_settings) throws(BackendFailure) -> LlamaContext {
        var context: OpaquePointer?
        let complaint = unsafe LlamaLibrary.sentence {
            unsafe context = cllama_context_open(pointer, settings, $0)
            return unsafe context == nil
        }
        guard let context = unsafe context else {
            throw BackendFailure(.overloaded, "no context of that size can be made: \(complaint)")
        }
        return unsafe LlamaContext(context, model: self)
    }
}

extension LlamaModel {
    /// The prompt of a conversation by a template's text or name, nil when the template is not one libllama knows.
    static func prompt(_ messages: [LocalPrompt.Message], template: String) -> String? {
        var strings: [UnsafeMutablePointer<CChar>] = unsafe []
        defer { while let string = unsafe strings.popLast() { unsafe string.deallocate() } }
        func copy(_ text: String) -> UnsafePointer<CChar>? {
            let bytes = text.utf8CString
            let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
            _ = unsafe memory.initialize(from: bytes)
            guard let start = memory.baseAddress else { return nil }
            unsafe strings.append(start)
            return unsafe UnsafePointer(start)
        }
        let roles = unsafe messages.map { unsafe copy($0.role) }
        let contents = unsafe messages.map { unsafe copy($0.content) }
        var capacity = messages.reduce(256) { $0 + 2 * ($1.role.utf8.count + $1.content.utf8.count) + 64 }
        for _ in 0..<2 {
            var size = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, used in
                unsafe buffer.withMemoryRebound(to: CChar.self) { buffer in
                    size = unsafe Int(
                        cllama_apply_template(
                            template, roles, contents, messages.count, buffer.baseAddress, Int32(clamping: capacity)))
                }
                used = max(0, min(size, capacity))
            }
            guard size >= 0 else { return nil }
            if size <= capacity { return String(decoding: bytes, as: UTF8.self) }
            capacity = size + 1
        }
        return nil
    }
}
