import FoundationEssentials

/// The part of an answer that people want to read.
enum SubmitAnswer {
    private struct Answer: Decodable {
        struct Message: Decodable { var content: String? }
        struct Choice: Decodable {
            var message: Message?
            var text: String?
        }
        struct Embedding: Decodable { var embedding: [Double]? }
        var choices: [Choice]?
        var data: [Embedding]?
    }

    /// The text of a chat or completion, the numbers of an embedding; of anything else all of it.
    static func text(_ body: [UInt8]) -> String {
        do {
            let answer = try JSONDecoder().decode(Answer.self, from: Data(body))
            if let choice = answer.choices?.first, let text = choice.message?.content ?? choice.text { return text }
            if let numbers = answer.data?.first?.embedding { return "\(numbers)" }
        } catch {
            // Backends may answer what they like: then it is shown as it is.
            return String(decoding: body, as: UTF8.self)
        }
        return String(decoding: body, as: UTF8.self)
    }
}
