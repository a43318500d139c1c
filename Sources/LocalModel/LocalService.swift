package import BackendKit
import CLlama
import Glibc

/// Answers requests with a GGUF model in this process; Plugins/LocalBackend/README.md says what it can be told.
package final class LocalService: BackendService {
    package static let descriptor = ServiceDescriptor(
        name: "local",
        version: "1.0.0",
        kinds: [.chat, .completion, .embedding],
        canStream: true,
        maximumConcurrency: 256,
        preferredBatch: 8
    )

    let configuration: LocalConfiguration
    let model: LlamaModel
    let engine: Engine
    /// Tokens of one sequence, nil when the model does not generate.
    let context: Int?
    /// Tokens of one text to be embedded, nil when it does not embed.
    let longestText: Int?
    private let template: String?

    /// Loads the model, which may take long.
    package init(configuration bytes: [UInt8], slots: Int) throws {
        let configuration = try LocalConfiguration(parsing: bytes)
        try LlamaLibrary.load(from: configuration.library)
        let limit = configuration.memoryLimitMebibytes.map { UInt64($0) << 20 }
        try Self.check(file: configuration.model, limit)
        let model = try LlamaModel(
            path: configuration.model, gpuLayers: configuration.gpuLayers, usesMmap: configuration.usesMmap,
            usesMlock: configuration.usesMlock)
        guard !model.facts.has_encoder || !model.facts.has_decoder else {
            throw BackendFailure(
                .unsupported, "models with an encoder and a decoder cannot be run by the local backend")
        }
        self.configuration = configuration
        self.model = model
        let plan = ModelPlan(model, configuration, slots: slots)
        if let limit, let refusal = plan.refusal(limit: limit) { throw BackendFailure(.overloaded, refusal) }
        let generating = try plan.makeGenerating(model, configuration)
        let embedding = try plan.makeEmbedding(model, configuration)
        context = generating?.limits.context
        longestText = embedding?.longest
        engine = try Engine(model, generating: generating, embedding: embedding)
        template = configuration.chatTemplate ?? model.chatTemplate
        let what = "\(model.architecture), \(model.facts.parameters) parameters"
        Host.log(
            .info,
            "model loaded: \(what); \(plan.sequences) sequences of \(plan.context) tokens, libllama \(Self.version)")
    }

    private static var version: String { unsafe cllama_version().map { unsafe String(cString: $0) } ?? "unknown" }

    /// Refuses what is no model before libllama tries it.
    private static func check(file: String, _ limit: UInt64?) throws(BackendFailure) {
        var facts = stat()
        guard unsafe stat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw BackendFailure(.invalidRequest, "there is no model file at \(file)")
        }
        if let limit, UInt64(facts.st_size) > limit {
            throw BackendFailure(
                .overloaded,
                "\(file) has \(MemoryNeed.mebibytes(UInt64(facts.st_size))) MiB, and memory_limit_mib is \(MemoryNeed.mebibytes(limit))"
            )
        }
    }

    package func respond(to request: BackendRequest, stream: BackendStream) async throws -> BackendResponse {
        let fields = try RequestFields(request.body)
        switch request.kind {
        case .embedding: return try await embed(fields)
        case .chat, .completion: return try await generate(fields, request, stream)
        case .response: throw BackendFailure(.unsupported, "a local model does not answer /v1/responses")
        }
    }

    package func health() -> ServiceHealth {
        let numbers = engine.gauge.numbers
        // One failure may be bad luck; several in a row are no luck.
        let state: ServiceHealth.State =
            numbers.failedSteps == 0 ? .well : numbers.failedSteps < 3 ? .failing : .unusable
        return ServiceHealth(state, detail: numbers.json)
    }

    package func stats() -> [UInt8] { engine.gauge.numbers.json }

    package func close() { engine.close() }
}

extension LocalService {
    private func generate(
        _ fields: RequestFields, _ request: BackendRequest, _ stream: BackendStream
    ) async throws -> BackendResponse {
        guard let context else {
            throw BackendFailure(.unsupported, "this model makes embeddings and no text")
        }
        let asked = try GenerationRequest(fields, isChat: request.kind == .chat, configuration)
        let prompts = try asked.prompts.map { prompt throws(BackendFailure) in
            try tokens(of: prompt, asked, context: context)
        }
        let writer = AnswerWriter(
            isChat: asked.isChat, job: request.head.job, attempt: request.head.attempt, created: time(nil),
            model: asked.model,
            piece: { [model] in model.piece(of: $0) })
        let random = UInt32.random(in: 0 ... .max)
        var generations: [Generation] = []
        for prompt in prompts {
            for _ in 0..<asked.choices {
                let index = generations.count
                var plan = Generation.Plan(prompt: prompt, stops: asked.stops)
                if !asked.sampling.isGreedy {
                    let seed = asked.sampling.seed(of: index, random: random)
                    plan.sampler = try model.makeSampler(asked.sampling, seed: seed)
                }
                plan.maximumTokens = min(asked.maximumTokens ?? .max, context - prompt.count)
                plan.ignoresEnd = asked.ignoresEnd
                plan.logprobs = asked.logprobs
                var onText: (@Sendable (ArraySlice<UInt8>, ArraySlice<TokenScore>) -> Void)?
                if stream.isWanted {
                    let hasScores = asked.logprobs != nil
                    onText = { stream(writer.chunk(index, text: $0, scores: hasScores ? $1 : nil)) }
                }
                generations.append(Generation(id: engine.makeIdentifier(), plan, onText: onText))
            }
        }
        if stream.isWanted, asked.isChat {
            for index in generations.indices { stream(writer.opening(index)) }
        }
        let outcomes = try await engine.generate(generations)
        let usage = AnswerWriter.Usage(
            prompt: prompts.reduce(0) { $0 + $1.count },
            reused: outcomes.indices.filter { $0 % asked.choices == 0 }.reduce(0) { $0 + outcomes[$1].reused },
            completion: outcomes.reduce(0) { $0 + $1.tokens })
        if stream.isWanted {
            for (index, outcome) in outcomes.enumerated() { stream(writer.closing(index, outcome.finish)) }
            if asked.streamsUsage { stream(writer.usageChunk(usage)) }
        }
        return BackendResponse(
            body: writer.answer(outcomes, hasLogprobs: asked.logprobs != nil, usage),
            tokens: (usage.prompt, usage.completion))
    }

    /// More bytes to a token than any text has.
    private static let mostBytesOfToken = 1_024

    /// Refuses what cannot fit before it is cut into tokens, which takes libllama a minute for 64 MiB.
    private static func check(_ text: String, _ what: String, holds context: Int) throws(BackendFailure) {
        guard text.utf8.count > context * mostBytesOfToken else { return }
        throw BackendFailure(
            .invalidRequest, "\(what) has \(text.utf8.count) bytes: the context holds \(context) tokens",
            body: tooLong)
    }

    private static let tooLong = Array(
        #"{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}"#.utf8)

    /// The tokens of a prompt, which leave room for an answer.
    private func tokens(
        of prompt: LocalPrompt, _ asked: GenerationRequest, context: Int
    ) throws(BackendFailure) -> [Int32] {
        let tokens: [Int32]
        switch prompt {
        case .conversation(let messages):
            guard let template else {
                throw BackendFailure(
                    .unsupported, "the model brings no chat template: name one as 'chat_template', or send completions")
            }
            guard let text = LlamaModel.prompt(messages, template: template) else {
                throw BackendFailure(
                    .unsupported,
                    "libllama does not know the model's chat template: name one it knows as 'chat_template', such as chatml"
                )
            }
            try Self.check(text, "the prompt", holds: context)
            // A template that writes the beginning itself must not get it twice.
            let beginning = model.piece(of: model.facts.beginning, isSpecial: true)
            let isWritten = !beginning.isEmpty && text.utf8.starts(with: beginning)
            tokens = model.tokens(of: text, addsSpecial: !isWritten, parsesSpecial: true)
        case .text(let text):
            try Self.check(text, "the prompt", holds: context)
            tokens = model.tokens(of: text, parsesSpecial: true)
        case .tokens(let numbers):
            guard numbers.allSatisfy({ $0 < model.facts.vocabulary }) else {
                throw BackendFailure(
                    .invalidRequest, "the prompt has a token the model does not: it has \(model.facts.vocabulary)")
            }
            tokens = numbers
        }
        guard !tokens.isEmpty else { throw BackendFailure(.invalidRequest, "the prompt is empty") }
        let wanted = asked.maximumTokens ?? 1
        guard tokens.count + wanted <= context else {
            throw BackendFailure(
                .invalidRequest,
                "the prompt has \(tokens.count) tokens and the answer may have \(wanted): the context holds \(context)",
                body: Self.tooLong)
        }
        return tokens
    }

    private func embed(_ fields: RequestFields) async throws -> BackendResponse {
        guard let longestText else {
            throw BackendFailure(
                .unsupported, "this model was loaded to generate: set 'embeddings' to true to have its embeddings too")
        }
        let asked = try EmbeddingRequest(fields, dimensions: Int(model.facts.dimensions))
        let texts = try asked.inputs.map { input throws(BackendFailure) -> [Int32] in
            let tokens: [Int32]
            switch input {
            case .text(let text):
                try Self.check(text, "a text of 'input'", holds: longestText)
                tokens = model.tokens(of: text, parsesSpecial: false)
            case .tokens(let numbers): tokens = numbers
            case .conversation: tokens = []
            }
            guard tokens.allSatisfy({ $0 < model.facts.vocabulary }) else {
                throw BackendFailure(
                    .invalidRequest, "'input' has a token the model does not: it has \(model.facts.vocabulary)")
            }
            guard !tokens.isEmpty else { throw BackendFailure(.invalidRequest, "'input' has an empty text") }
            guard tokens.count <= longestText else {
                throw BackendFailure(
                    .invalidRequest, "a text of 'input' has \(tokens.count) tokens: \(longestText) can be embedded")
            }
            return tokens
        }
        let embeddings = try await engine.embed(texts)
        let count = texts.reduce(0) { $0 + $1.count }
        return BackendResponse(
            body: AnswerWriter.answer(embeddings, model: asked.model, isBase64: asked.isBase64, tokens: count),
            tokens: (count, 0))
    }
}
