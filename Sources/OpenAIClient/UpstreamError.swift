internal import JSONText

/// What an upstream says went wrong, in any of the forms that are about.
struct UpstreamError: Sendable, Hashable {
    /// What clients want to tell apart from other bad requests.
    enum Condition: String, Sendable {
        case contextLength = "context_length_exceeded"
        case contentFilter = "content_filter"
    }

    var code: String?
    var type: String?
    var message: String?
    var parameter: String?

    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"message": "…"}`, `{"detail": …}` and a list of one of these; nil when
    /// there is nothing of the kind.
    init?(parsing body: [UInt8]) {
        guard let value = JSONValue(parsing: body), let found = Self.found(in: value) else { return nil }
        self = found
    }

    /// An error that says no more than `message`.
    init(message: String? = nil) { self.message = message }

    private static func found(in value: JSONValue) -> UpstreamError? {
        if case .array(let elements) = value {
            guard let first = elements.first, case .object = first else { return nil }
            return read(first)
        }
        return read(value)
    }

    private static func read(_ value: JSONValue) -> UpstreamError? {
        guard case .object = value else { return nil }
        var found = UpstreamError()
        let error = value["error"] ?? value["detail"] ?? value
        switch error {
        case .object:
            found.code = text(error["code"]) ?? text(error["innererror"]?["code"])
            found.type = text(error["type"]) ?? text(error["status"])
            found.message = text(error["message"]) ?? text(error["msg"])
            found.parameter = text(error["param"])
        case .string(let words):
            found.message = text(value["message"]) ?? words
            found.code = text(value["code"])
            found.type = text(value["type"])
        case .array(let elements):
            // What FastAPI makes of a request that does not validate.
            found.message = elements.prefix(4).compactMap { text($0["msg"]) }.joined(separator: "; ")
            found.type = text(elements.first?["type"])
        case .null, .boolean, .number: return nil
        }
        return (found.code ?? found.type ?? found.message) == nil ? nil : found
    }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text.isEmpty ? nil : text
        case .number(let number): Int(exactly: number).map { "\($0)" }
        default: nil
        }
    }

    /// Whether the request was too long or was refused for its content: by its code, or by its words where servers set
    /// none.
    var condition: Condition? {
        for word in [code, type].compactMap({ $0?.lowercased() }) {
            switch word {
            case "context_length_exceeded", "exceed_context_size_error", "string_above_max_length",
                "max_tokens_exceeded":
                return .contextLength
            case "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked",
                "invalid_prompt":
                return .contentFilter
            default: break
            }
        }
        guard let words = message?.lowercased() else { return nil }
        let tooLong = [
            "maximum context length", "exceed context window", "exceeds the available context size",
            "exceeds the context window", "prompt is too long", "context length exceeded",
        ]
        if tooLong.contains(where: words.contains) { return .contextLength }
        let filtered = ["content management policy", "content filter", "safety system"]
        return filtered.contains(where: words.contains) ? .contentFilter : nil
    }

    /// The error in OpenAI's form with that code, for upstreams that have another.
    func json(code: String?) -> [UInt8] {
        var text: [UInt8] = []
        text.append("{\"error\":{\"message\":")
        text.appendJSONString(message ?? "")
        text.append(",\"type\":")
        text.appendJSONString(type ?? "invalid_request_error")
        text.append(",\"param\":")
        if let parameter { text.appendJSONString(parameter) } else { text.append("null") }
        text.append(",\"code\":")
        if let code { text.appendJSONString(code) } else { text.append("null") }
        text.append("}}")
        return text
    }
}
