import JSONText

extension AnswerWriter {
    /// The `logprobs` of a choice: null, or in the form chats or completions have.
    func appendLogprobs(_ scores: ArraySlice<TokenScore>?, to text: inout [UInt8]) {
        guard let scores else { return text.append("null") }
        if isChat { appendContent(scores, to: &text) } else { appendLists(scores, to: &text) }
    }

    private func appendContent(_ scores: ArraySlice<TokenScore>, to text: inout [UInt8]) {
        text.append("{\"content\":[")
        for (index, score) in scores.enumerated() {
            if index > 0 { text.append(",") }
            append(score.token, score.logarithm, to: &text)
            text.append(",\"top_logprobs\":[")
            for (place, other) in score.best.enumerated() {
                if place > 0 { text.append(",") }
                append(other.token, other.logarithm, to: &text)
                text.append("}")
            }
            text.append("]}")
        }
        text.append("]}")
    }

    /// A token without the brace that ends it.
    private func append(_ token: Int32, _ logarithm: Double, to text: inout [UInt8]) {
        let bytes = piece(token)
        text.append("{\"token\":")
        text.appendJSONString(String(decoding: bytes, as: UTF8.self))
        text.append(",\"logprob\":")
        text.appendNumber(Self.finite(logarithm))
        text.append(",\"bytes\":[")
        for (index, byte) in bytes.enumerated() {
            if index > 0 { text.append(",") }
            text.appendDecimal(Int(byte))
        }
        text.append("]")
    }

    private func appendLists(_ scores: ArraySlice<TokenScore>, to text: inout [UInt8]) {
        func list(_ name: StaticString, _ body: (TokenScore, inout [UInt8]) -> Void) {
            text.append(name)
            for (index, score) in scores.enumerated() {
                if index > 0 { text.append(",") }
                body(score, &text)
            }
        }
        list("{\"tokens\":[") { $1.appendJSONString(String(decoding: piece($0.token), as: UTF8.self)) }
        list("],\"token_logprobs\":[") { $1.appendNumber(Self.finite($0.logarithm)) }
        list("],\"text_offset\":[") { $1.appendDecimal($0.offset) }
        list("],\"top_logprobs\":[") { score, text in
            text.append("{")
            for (index, other) in score.best.enumerated() {
                if index > 0 { text.append(",") }
                text.appendJSONString(String(decoding: piece(other.token), as: UTF8.self))
                text.append(":")
                text.appendNumber(Self.finite(other.logarithm))
            }
            text.append("}")
        }
        text.append("]}")
    }

    /// What cannot happen has no logarithm JSON could hold.
    private static func finite(_ logarithm: Double) -> Double { max(logarithm, -9_999) }
}
