internal import BackendKit
internal import JSONText

/// The tokens of an answer: as the upstream counted them, or estimated.
struct AnswerUsage: Sendable, Hashable {
    var prompt: Int
    var completion: Int
    var isEstimated: Bool

    /// Reads the member `usage` of an answer, in either form of OpenAI's; nil when it says nothing.
    static func counted(in answer: JSONObjectEdit) -> AnswerUsage? {
        guard let json = answer["usage"], let usage = JSONObjectEdit(Array(json)) else { return nil }
        func number(_ keys: String...) -> Int? {
            for key in keys {
                guard let json = usage[key], case .number(let number)? = JSONValue(parsing: Array(json)),
                    let integer = Int(exactly: number), integer >= 0
                else { continue }
                return integer
            }
            return nil
        }
        let prompt = number("prompt_tokens", "input_tokens")
        let completion = number("completion_tokens", "output_tokens")
        if prompt == nil, completion == nil {
            return number("total_tokens").map { AnswerUsage(prompt: $0, completion: 0, isEstimated: false) }
        }
        return AnswerUsage(prompt: prompt ?? 0, completion: completion ?? 0, isEstimated: false)
    }

    /// Four bytes a token, the rule of thumb for English, of what was asked and what was answered.
    static func estimated(request: JSONObjectEdit, kind: ServiceDescriptor.Kind, textBytes: Int) -> AnswerUsage {
        let asked = (kind.questions + ["instructions"]).reduce(0) { $0 + (request[$1]?.count ?? 0) }
        return AnswerUsage(prompt: (asked + 3) / 4, completion: (textBytes + 3) / 4, isEstimated: true)
    }

    /// Bytes of text in an answer that did not stream: what is in its `content`, `text` and `arguments`.
    static func textBytes(in answer: [UInt8]) -> Int {
        JSONValue(parsing: answer).map { textBytes($0, key: "") } ?? 0
    }

    private static func textBytes(_ value: JSONValue, key: String) -> Int {
        switch value {
        case .string(let text):
            ["content", "text", "arguments", "reasoning_content", "refusal"].contains(key) ? text.utf8.count : 0
        case .array(let elements): elements.reduce(0) { $0 + textBytes($1, key: key) }
        case .object(let members): members.reduce(0) { $0 + textBytes($1.value, key: $1.key) }
        case .null, .boolean, .number: 0
        }
    }

    /// The estimate as a member `usage`, with `"estimated": true` so that nobody takes it for a count.
    func json(kind: ServiceDescriptor.Kind) -> [UInt8] {
        var text: [UInt8] = []
        text.append(kind == .response ? "{\"input_tokens\":" : "{\"prompt_tokens\":")
        text.appendDecimal(prompt)
        if kind != .embedding {
            text.append(kind == .response ? ",\"output_tokens\":" : ",\"completion_tokens\":")
            text.appendDecimal(completion)
        }
        text.append(",\"total_tokens\":")
        text.appendDecimal(prompt + completion)
        text.append(",\"estimated\":true}")
        return text
    }
}
