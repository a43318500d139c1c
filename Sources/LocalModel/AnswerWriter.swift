import JSONText

/// Writes answers and chunks in the form OpenAI uses.
struct AnswerWriter: Sendable {
    var isChat: Bool
    var job: Int64
    var attempt: Int
    /// Seconds since 1970.
    var created: Int
    var model: String
    /// The bytes of a token, for logprobs.
    var piece: @Sendable (Int32) -> [UInt8]

    /// What an answer consumed.
    struct Usage: Sendable, Equatable {
        var prompt = 0
        var reused = 0
        var completion = 0
    }

    /// The whole answer.
    func answer(_ outcomes: [Generation.Outcome], hasLogprobs: Bool, _ usage: Usage) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(512 + outcomes.reduce(0) { $0 + $1.text.count * 9 / 8 + $1.scores.count * 128 })
        appendHead(isChat ? "chat.completion" : "text_completion", to: &text)
        text.append(",\"choices\":[")
        for (index, outcome) in outcomes.enumerated() {
            text.append(index == 0 ? "{\"index\":" : ",{\"index\":")
            text.appendDecimal(index)
            text.append(isChat ? ",\"message\":{\"role\":\"assistant\",\"content\":\"" : ",\"text\":\"")
            for byte in outcome.text { text.appendJSONEscaped(byte) }
            text.append(isChat ? "\"},\"logprobs\":" : "\",\"logprobs\":")
            appendLogprobs(hasLogprobs ? outcome.scores[...] : nil, to: &text)
            text.append(",\"finish_reason\":\"")
            text.append(contentsOf: outcome.finish.rawValue.utf8)
            text.append("\"}")
        }
        text.append("],\"usage\":")
        append(usage, to: &text)
        text.append("}")
        return text
    }

    /// The chunk that begins a choice of a chat.
    func opening(_ index: Int) -> [UInt8] {
        chunk(index, delta: "{\"role\":\"assistant\",\"content\":\"\"}", finish: nil)
    }

    /// A chunk with the next piece of a choice.
    func chunk(_ index: Int, text piece: ArraySlice<UInt8>, scores: ArraySlice<TokenScore>?) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(256 + piece.count)
        appendHead(isChat ? "chat.completion.chunk" : "text_completion", to: &text)
        text.append(",\"choices\":[{\"index\":")
        text.appendDecimal(index)
        text.append(isChat ? ",\"delta\":{\"content\":\"" : ",\"text\":\"")
        for byte in piece { text.appendJSONEscaped(byte) }
        text.append(isChat ? "\"},\"logprobs\":" : "\",\"logprobs\":")
        appendLogprobs(scores, to: &text)
        text.append(",\"finish_reason\":null}]}")
        return text
    }

    /// The chunk that ends a choice.
    func closing(_ index: Int, _ finish: Generation.Finish) -> [UInt8] {
        chunk(index, delta: isChat ? "{}" : nil, finish: finish)
    }

    /// The chunk with the usage, after the last choice has ended.
    func usageChunk(_ usage: Usage) -> [UInt8] {
        var text: [UInt8] = []
        appendHead(isChat ? "chat.completion.chunk" : "text_completion", to: &text)
        text.append(",\"choices\":[],\"usage\":")
        append(usage, to: &text)
        text.append("}")
        return text
    }

    private func chunk(_ index: Int, delta: StaticString?, finish: Generation.Finish?) -> [UInt8] {
        var text: [UInt8] = []
        appendHead(isChat ? "chat.completion.chunk" : "text_completion", to: &text)
        text.append(",\"choices\":[{\"index\":")
        text.appendDecimal(index)
        text.append(delta == nil ? ",\"text\":\"\"" : ",\"delta\":")
        if let delta { text.append(delta) }
        text.append(",\"logprobs\":null,\"finish_reason\":")
        if let finish { text.appendJSONString(finish.rawValue) } else { text.append("null") }
        text.append("}]}")
        return text
    }

    private func appendHead(_ object: StaticString, to text: inout [UInt8]) {
        text.append(isChat ? "{\"id\":\"chatcmpl-" : "{\"id\":\"cmpl-")
        text.appendDecimal(Int(job))
        text.append("-")
        text.appendDecimal(attempt)
        text.append("\",\"object\":\"")
        text.append(object)
        text.append("\",\"created\":")
        text.appendDecimal(created)
        text.append(",\"model\":")
        text.appendJSONString(model)
    }

    private func append(_ usage: Usage, to text: inout [UInt8]) {
        text.append("{\"prompt_tokens\":")
        text.appendDecimal(usage.prompt)
        text.append(",\"completion_tokens\":")
        text.appendDecimal(usage.completion)
        text.append(",\"total_tokens\":")
        text.appendDecimal(usage.prompt + usage.completion)
        text.append(",\"prompt_tokens_details\":{\"cached_tokens\":")
        text.appendDecimal(usage.reused)
        text.append("}}")
    }
}

extension AnswerWriter {
    /// The answer to an embedding request.
    static func answer(_ embeddings: [Embedding], model: String, isBase64: Bool, tokens: Int) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(128 + embeddings.reduce(0) { $0 + $1.values.count * 13 + 64 })
        text.append("{\"object\":\"list\",\"data\":[")
        for (index, embedding) in embeddings.enumerated() {
            text.append(index == 0 ? "{\"object\":\"embedding\",\"index\":" : ",{\"object\":\"embedding\",\"index\":")
            text.appendDecimal(index)
            text.append(",\"embedding\":")
            if isBase64 {
                text.append("\"")
                text += embedding.base64
                text.append("\"")
            } else {
                for (place, value) in embedding.values.enumerated() {
                    text.append(place == 0 ? "[" : ",")
                    // As short as it can be and still the same float.
                    text.append(contentsOf: value.isFinite ? "\(value)".utf8 : "0".utf8)
                }
                text.append("]")
            }
            text.append("}")
        }
        text.append("],\"model\":")
        text.appendJSONString(model)
        text.append(",\"usage\":{\"prompt_tokens\":")
        text.appendDecimal(tokens)
        text.append(",\"total_tokens\":")
        text.appendDecimal(tokens)
        text.append("}}")
        return text
    }
}
