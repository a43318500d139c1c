import FoundationEssentials

/// The part of an answer that people want to read.
enum SubmitAnswer {
    private struct Answer: Decodable {
        struct Message: Decodable { var content: String? }
        struct Choice: Decodable {
            var index: Int?
            var message: Message?
            var delta: Message?
            var text: String?
        }
        struct Embedding: Decodable { var embedding: [Double]? }
        struct Item: Decodable {
            struct Part: Decodable { var text: String? }
            var content: [Part]?
        }
        var choices: [Choice]?
        var data: [Embedding]?
        var output: [Item]?
    }

    /// The text of a chat, completion or response, the numbers of an embedding; of anything else all of it.
    static func text(_ body: [UInt8]) -> String {
        do {
            let answer = try JSONDecoder().decode(Answer.self, from: Data(body))
            if let choice = answer.choices?.first, let text = choice.message?.content ?? choice.text { return text }
            if let output = answer.output {
                let texts = output.flatMap { ($0.content ?? []).compactMap(\.text) }
                if !texts.isEmpty { return texts.joined() }
            }
            if let numbers = answer.data?.first?.embedding { return "\(numbers)" }
        } catch {
            // Backends may answer what they like: then it is shown as it is.
            return String(decoding: body, as: UTF8.self)
        }
        return String(decoding: body, as: UTF8.self)
    }

    /// What a piece of a streaming answer adds to the text of its first choice; empty when it adds something else.
    static func text(ofChunk body: [UInt8]) -> String {
        do {
            let chunk = try JSONDecoder().decode(Chunk.self, from: Data(body))
            // The Responses API has events of many types, of which only the text has a plain delta.
            if let type = chunk.type { return type == "response.output_text.delta" ? chunk.delta ?? "" : "" }
            guard let choice = chunk.choices?.first(where: { ($0.index ?? 0) == 0 }) else { return "" }
            return choice.delta?.content ?? choice.text ?? ""
        } catch {
            // Backends may send what they like: what is not text shows in the result.
            return ""
        }
    }

    private struct Chunk: Decodable {
        var choices: [Answer.Choice]?
        var type: String?
        var delta: String?
    }
}
