import BackendKit
import CLlama

/// What contexts a model gets: for what, and how large.
struct ModelPlan: Sendable {
    /// Tokens of one sequence.
    let context: Int
    /// Sequences of the context that generates.
    let sequences: Int
    let generates: Bool
    let embeds: Bool
    /// Tokens of one step.
    let batch: Int
    private let need: MemoryNeed

    /// Without a setting no more than this of what the model was trained with.
    static let usualContext = 4_096
    /// Texts of one embedding batch.
    static let texts = 64

    init(_ model: LlamaModel, _ configuration: LocalConfiguration, slots: Int) {
        let facts = model.facts
        let architecture = model.architecture
        // Models that look ahead in the text can only embed.
        let isCausal = model.metadata("\(architecture).attention.causal") != "false"
        let isForEmbeddings = model.metadata("\(architecture).pooling_type") != nil || !isCausal
        generates = isCausal && !isForEmbeddings
        embeds = configuration.embeddings ?? isForEmbeddings
        let trained = max(16, Int(facts.trained_context))
        context = configuration.context ?? min(trained, Self.usualContext)
        sequences = min(256, configuration.sequences ?? slots)
        batch = max(configuration.batch, sequences)
        let key = model.metadata("\(architecture).attention.key_length").flatMap(UInt64.init)
        let value = model.metadata("\(architecture).attention.value_length").flatMap(UInt64.init)
        let usual = UInt64(max(0, facts.dimensions)) / UInt64(max(1, facts.heads))
        need = MemoryNeed(
            weights: facts.bytes, layers: UInt64(max(0, facts.layers)),
            numbersOfToken: UInt64(max(0, facts.heads_kv)) * ((key ?? usual) + (value ?? usual)))
    }

    /// The sentence that refuses the plan, nil when it fits into `limit` bytes.
    func refusal(limit: UInt64) -> String? {
        need.refusal(context: context, sequences: generates ? sequences : 0, limit: limit)
    }

    /// The context that generates, nil when there is none.
    func makeGenerating(
        _ model: LlamaModel, _ configuration: LocalConfiguration
    ) throws(BackendFailure) -> (context: LlamaContext, limits: BatchScheduler.Limits)? {
        guard generates else { return nil }
        let made = try model.makeContext(
            cllama_context_settings(
                context: UInt32(context), sequences: UInt32(sequences), batch: UInt32(batch),
                threads: Int32(configuration.threads), pooling: -1))
        return (
            made,
            BatchScheduler.Limits(
                context: min(context, made.size), sequences: sequences, batch: batch,
                shortestReuse: model.facts.can_share_prefixes ? configuration.shortestReuse : 0)
        )
    }

    /// What embeds, nil when nothing does.
    func makeEmbedding(_ model: LlamaModel, _ configuration: LocalConfiguration) throws(BackendFailure)
        -> EmbeddingRunner?
    {
        guard embeds else { return nil }
        // A text must fit into a batch whole; more than one is worth having when texts are short.
        let tokens = max(context, batch)
        let texts = generates ? 1 : Self.texts
        var settings = cllama_context_settings(
            context: UInt32(tokens), sequences: UInt32(texts), batch: UInt32(tokens),
            threads: Int32(configuration.threads),
            pooling: Self.number(configuration.pooling))
        var made = try model.makeContext(settings)
        if made.pooling == 0 {
            // The model says nothing of pooling: the mean is what people mean.
            settings.pooling = Self.number(.mean)
            made = try model.makeContext(settings)
        }
        return EmbeddingRunner(made, tokens: min(tokens, context), texts: texts, normalizes: configuration.normalizes)
    }

    private static func number(_ pooling: LocalConfiguration.Pooling) -> Int32 {
        switch pooling {
        case .model: -2
        case .mean: 1
        case .first: 2
        case .last: 3
        }
    }
}
