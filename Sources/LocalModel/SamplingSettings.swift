import BackendKit

/// How the next token is drawn, as a request asks for it.
struct SamplingSettings: Sendable, Equatable {
    /// A token whose logit is changed.
    struct Bias: Sendable, Equatable {
        var token: Int32
        var value: Float
    }

    var temperature = 1.0
    /// 0: off.
    var topK = 0
    /// 1: off.
    var topP = 1.0
    /// 0: off.
    var minP = 0.0
    /// 1: off.
    var repeatPenalty = 1.0
    /// 0: off.
    var frequencyPenalty = 0.0
    /// 0: off.
    var presencePenalty = 0.0
    /// How many tokens back the penalties look.
    var penaltyWindow = 64
    var seed: UInt32?
    var bias: [Bias] = []
    /// GBNF with the rule `root`, nil: any text.
    var grammar: String?

    /// The farthest penalties look back.
    static let maximumWindow = 65_536

    /// Whether there is any penalty to apply.
    var hasPenalties: Bool { repeatPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0 }

    /// Whether the next token is simply the likeliest: no sampler is needed then.
    var isGreedy: Bool { temperature == 0 && !hasPenalties && bias.isEmpty && grammar == nil }

    /// A sampler's settings for choice `index` of a request.
    func seed(of index: Int, random: UInt32) -> UInt32 { (seed ?? random) &+ UInt32(truncatingIfNeeded: index) }

    init(temperature: Double = 1) { self.temperature = temperature }

    /// Reads what a request says; `temperature` is for those that say nothing of it.
    init(_ fields: RequestFields, temperature: Double) throws(BackendFailure) {
        self.temperature = try fields.number("temperature", in: 0...2) ?? temperature
        topK = try fields.integer("top_k", in: -1...1_000_000).map { max(0, $0) } ?? 0
        topP = try fields.number("top_p", in: 0...1) ?? 1
        minP = try fields.number("min_p", in: 0...1) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        // llama.cpp's name for it, and vLLM's.
        let other = try fields.number("repetition_penalty", in: 0.01...10)
        repeatPenalty = try fields.number("repeat_penalty", in: 0.01...10) ?? other ?? 1
        // -1 is all of the answer, which is longer with nobody.
        let window = try fields.integer("repeat_last_n", in: -1...Self.maximumWindow) ?? 64
        penaltyWindow = window < 0 ? Self.maximumWindow : window
        // Any whole number is a seed; of a large one the low bits count.
        seed = try fields.integer("seed", in: -(1 << 53)...(1 << 53)).map { UInt32(truncatingIfNeeded: $0) }
        bias = try fields.bias("logit_bias")
    }
}
