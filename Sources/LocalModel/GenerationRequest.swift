import BackendKit
import JSONText

/// A chat or completion request, read and checked as far as that needs no model.
struct GenerationRequest: Sendable, Equatable {
    /// Whether it is a chat or a completion: how the answer is written.
    var isChat: Bool
    /// The model's name as the request has it.
    var model: String
    var prompts: [LocalPrompt]
    /// Answers to each prompt.
    var choices = 1
    var sampling: SamplingSettings
    var stops: [String] = []
    /// nil: as many as there is room for.
    var maximumTokens: Int?
    /// Whether the model's own end is passed over; for measuring.
    var ignoresEnd = false
    /// Alternatives to each token, nil: no logprobs.
    var logprobs: Int?
    /// Whether the last chunk of a stream is to tell the usage.
    var streamsUsage = false

    /// Answers one request may ask for.
    static let maximumChoices = 128
    static let maximumStops = 16
    static let maximumStopBytes = 1_024
    static let maximumLogprobs = 20

    init(_ fields: RequestFields, isChat: Bool, _ configuration: LocalConfiguration) throws(BackendFailure) {
        self.isChat = isChat
        model = try fields.text("model") ?? "local"
        prompts = isChat ? [try .conversation(in: fields)] : try LocalPrompt.list("prompt", in: fields)
        choices = try fields.integer("n", in: 1...Self.maximumChoices) ?? 1
        guard prompts.count * choices <= Self.maximumChoices else {
            throw fields.refusal("n", "times the number of prompts may be \(Self.maximumChoices) at most")
        }
        sampling = try SamplingSettings(fields, temperature: configuration.temperature)
        stops = try fields.texts("stop", count: Self.maximumStops, bytes: Self.maximumStopBytes)
        let older = try fields.integer("max_tokens", in: 1...4_194_304)
        maximumTokens =
            try fields.integer("max_completion_tokens", in: 1...4_194_304) ?? older ?? configuration.maximumTokens
        ignoresEnd = try fields.flag("ignore_eos") ?? false
        if isChat {
            let isWanted = try fields.flag("logprobs") ?? false
            let count = try fields.integer("top_logprobs", in: 0...Self.maximumLogprobs)
            logprobs = isWanted ? count ?? 0 : nil
        } else {
            logprobs = try fields.integer("logprobs", in: 0...Self.maximumLogprobs)
        }
        if let options = fields["stream_options"], case .boolean(true)? = options["include_usage"] {
            streamsUsage = true
        }
        sampling.grammar = try Self.grammar(fields)
        try Self.refuseWhatIsNotOffered(fields)
    }

    /// The grammar of `response_format` or `grammar`.
    private static func grammar(_ fields: RequestFields) throws(BackendFailure) -> String? {
        if let grammar = try fields.text("grammar") {
            guard grammar.utf8.count <= 65_536, !grammar.utf8.contains(0) else {
                throw fields.refusal("grammar", "must be GBNF of at most 65536 bytes")
            }
            return grammar
        }
        guard let format = fields["response_format"] else { return nil }
        switch format["type"] {
        case .string("text")?: return nil
        case .string("json_object")?:
            // llama.cpp's own server takes a schema here too.
            if let schema = format["schema"] { return try SchemaGrammar.text(for: schema) }
            return try SchemaGrammar.text(for: .object([.init(key: "type", value: .string("object"))]))
        case .string("json_schema")?:
            guard let schema = format["json_schema"]?["schema"] else {
                throw fields.refusal("response_format", "of type json_schema needs a 'json_schema' with a 'schema'")
            }
            return try SchemaGrammar.text(for: schema)
        default: throw fields.refusal("response_format", "must have the type text, json_object or json_schema")
        }
    }

    private static func refuseWhatIsNotOffered(_ fields: RequestFields) throws(BackendFailure) {
        for key in ["tools", "functions"] {
            if case .array(let entries)? = fields[key], !entries.isEmpty { throw unsupported(key) }
        }
        for key in ["suffix", "audio", "prediction"] where fields[key] != nil { throw unsupported(key) }
        if try fields.flag("echo") == true { throw unsupported("echo") }
        let choices = try fields.integer("n", in: 1...Self.maximumChoices) ?? 1
        if let best = try fields.integer("best_of", in: 1...Self.maximumChoices), best != choices {
            throw unsupported("best_of")
        }
    }

    private static func unsupported(_ key: String) -> BackendFailure {
        BackendFailure(.unsupported, "the local backend does not offer '\(key)'")
    }
}
