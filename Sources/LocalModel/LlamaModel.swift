import BackendKit
import CLlama

/// A model in memory: its facts, its vocabulary, its template.
///
/// Reading is safe from many threads at once; libllama changes nothing of a model after it was loaded.
final class LlamaModel: @unchecked Sendable {
    let facts: cllama_model_facts
    /// The family of models, such as `llama` or `bert`.
    let architecture: String
    fileprivate let pointer: OpaquePointer

    init(path: String, gpuLayers: Int, usesMmap: Bool, usesMlock: Bool) throws(BackendFailure) {
        var pointer: OpaquePointer?
        let complaint = LlamaLibrary.sentence {
            pointer = cllama_model_open(path, Int32(gpuLayers), usesMmap, usesMlock, $0)
            return pointer == nil
        }
        guard let pointer else {
            throw BackendFailure(.invalidRequest, "\(path) cannot be loaded: \(complaint)")
        }
        self.pointer = pointer
        facts = cllama_model_facts_of(pointer)
        architecture = Self.metadata("general.architecture", pointer) ?? "unknown"
    }

    deinit { cllama_model_close(pointer) }

    private static func metadata(_ key: String, _ pointer: OpaquePointer) -> String? {
        var isThere = false
        let text = LlamaLibrary.sentence {
            isThere = cllama_model_metadata(pointer, key, $0)
            return isThere
        }
        return isThere ? text : nil
    }

    /// The value of a metadata key, cut at 1 KiB.
    func metadata(_ key: String) -> String? { Self.metadata(key, pointer) }

    /// The chat template of the model itself.
    var chatTemplate: String? { cllama_model_template(pointer).map { String(cString: $0) } }

    /// The tokens of a text.
    ///
    /// - Parameters:
    ///   - addsSpecial: whether the tokens the model wants around every text are added.
    ///   - parsesSpecial: whether the names of special tokens in the text mean those tokens.
    func tokens(of text: String, addsSpecial: Bool = true, parsesSpecial: Bool) -> [Int32] {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                var count = 0
                for capacity in [bytes.count + 8, bytes.count * 2 + 64] {
                    let tokens = [Int32](unsafeUninitializedCapacity: capacity) { buffer, used in
                        count = Int(
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
    func isEnd(_ token: Int32) -> Bool { cllama_is_end(pointer, token) }

    /// Calls `body` with the bytes of a token, which may be a part of a character, or nothing for a control token.
    func withPiece<Result>(
        of token: Int32, isSpecial: Bool = false, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        for capacity in [256, 65_536] {
            let result: Result? = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
                let count = cllama_piece(pointer, token, buffer.baseAddress, Int32(capacity), isSpecial)
                guard count >= 0, let start = buffer.baseAddress else { return nil }
                return start.withMemoryRebound(to: UInt8.self, capacity: Int(count)) {
                    body(UnsafeBufferPointer(start: $0, count: Int(count)))
                }
            }
            if let result { return result }
        }
        return body(UnsafeBufferPointer(start: nil, count: 0))
    }

    /// The bytes of a token; of a control token its name when `isSpecial`, otherwise nothing.
    func piece(of token: Int32, isSpecial: Bool = false) -> [UInt8] {
        guard token >= 0 else { return [] }
        return withPiece(of: token, isSpecial: isSpecial) { Array($0) }
    }

    /// A sampler with these settings.
    func makeSampler(_ settings: SamplingSettings, seed: UInt32) throws(BackendFailure) -> LlamaSampler {
        let tokens = settings.bias.map(\.token)
        let values = settings.bias.map(\.value)
        guard tokens.allSatisfy({ $0 < facts.vocabulary }) else {
            throw BackendFailure(
                .invalidRequest, "'logit_bias' has a token the model does not: it has \(facts.vocabulary)")
        }
        let pointer: OpaquePointer? = tokens.withUnsafeBufferPointer { tokens in
            values.withUnsafeBufferPointer { values in
                func open(_ grammar: UnsafePointer<CChar>?) -> OpaquePointer? {
                    cllama_sampler_open(
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
                return settings.grammar.map { $0.withCString(open) } ?? open(nil)
            }
        }
        guard let pointer else { throw BackendFailure(.invalidRequest, "the grammar of the request cannot be read") }
        return LlamaSampler(pointer)
    }

    /// A context of this model.
    func makeContext(_ settings: cllama_context_settings) throws(BackendFailure) -> LlamaContext {
        var context: OpaquePointer?
        let complaint = LlamaLibrary.sentence {
            context = cllama_context_open(pointer, settings, $0)
            return context == nil
        }
        guard let context else {
            throw BackendFailure(.overloaded, "no context of that size can be made: \(complaint)")
        }
        return LlamaContext(context, model: self)
    }
}

extension LlamaModel {
    /// The prompt of a conversation by a template's text or name, nil when the template is not one libllama knows.
    static func prompt(_ messages: [LocalPrompt.Message], template: String) -> String? {
        var strings: [UnsafeMutablePointer<CChar>] = []
        defer { for string in strings { string.deallocate() } }
        func copy(_ text: String) -> UnsafePointer<CChar>? {
            let bytes = text.utf8CString
            let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
            _ = memory.initialize(from: bytes)
            guard let start = memory.baseAddress else { return nil }
            strings.append(start)
            return UnsafePointer(start)
        }
        let roles = messages.map { copy($0.role) }
        let contents = messages.map { copy($0.content) }
        var capacity = messages.reduce(256) { $0 + 2 * ($1.role.utf8.count + $1.content.utf8.count) + 64 }
        for _ in 0..<2 {
            var size = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, used in
                buffer.withMemoryRebound(to: CChar.self) { buffer in
                    size = Int(
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
