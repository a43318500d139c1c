import BackendKit
import JSONText

/// What a model is to read: a conversation, a text, or its tokens.
enum LocalPrompt: Sendable, Equatable {
    case conversation([Message])
    case text(String)
    case tokens([Int32])

    /// One turn of a conversation.
    struct Message: Sendable, Equatable {
        var role: String
        var content: String
    }

    /// How many texts a request may have.
    static let maximumCount = 2_048
    /// How many turns a conversation may have.
    static let maximumMessages = 4_096

    /// The conversation of a chat request.
    static func conversation(in fields: RequestFields) throws(BackendFailure) -> LocalPrompt {
        guard case .array(let values)? = fields["messages"], 1...maximumMessages ~= values.count else {
            throw fields.refusal("messages", "must be an array of 1 to \(maximumMessages) messages")
        }
        var messages: [Message] = []
        for value in values {
            guard case .string(let role)? = value["role"], !role.isEmpty else {
                throw fields.refusal("messages", "must hold objects with a 'role'")
            }
            let content = try content(of: value, fields)
            // The model's template is applied by a C function.
            guard !role.utf8.contains(0), !content.utf8.contains(0) else {
                throw fields.refusal("messages", "must not hold the character U+0000")
            }
            messages.append(Message(role: role, content: content))
        }
        return .conversation(messages)
    }

    /// A text, or an array of parts that are texts.
    private static func content(of message: JSONValue, _ fields: RequestFields) throws(BackendFailure) -> String {
        switch message["content"] {
        case .string(let text)?: return text
        case nil, .null?: return ""
        case .array(let parts)?:
            var content = ""
            for part in parts {
                guard case .string("text")? = part["type"], case .string(let text)? = part["text"] else {
                    throw BackendFailure(.unsupported, "the local backend reads text only: 'messages' has another part")
                }
                content += text
            }
            return content
        default: throw fields.refusal("messages", "must have a 'content' that is a text or an array of parts")
        }
    }

    /// One or several texts or token arrays, as completions and embeddings take them.
    static func list(_ key: String, in fields: RequestFields) throws(BackendFailure) -> [LocalPrompt] {
        let refusal = fields.refusal(
            key, "must be a text, an array of texts, or an array of token numbers, or of arrays of them")
        switch fields[key] {
        case .string(let text)?: return [.text(text)]
        case .array(let elements)?:
            guard 1...maximumCount ~= elements.count || tokens(elements) != nil else {
                throw fields.refusal(key, "must have 1 to \(maximumCount) entries")
            }
            if let tokens = tokens(elements) { return [.tokens(tokens)] }
            var prompts: [LocalPrompt] = []
            for element in elements {
                switch element {
                case .string(let text): prompts.append(.text(text))
                case .array(let inner):
                    guard let tokens = tokens(inner) else { throw refusal }
                    prompts.append(.tokens(tokens))
                default: throw refusal
                }
            }
            return prompts
        default: throw refusal
        }
    }

    private static func tokens(_ elements: [JSONValue]) -> [Int32]? {
        var tokens: [Int32] = []
        tokens.reserveCapacity(elements.count)
        for element in elements {
            guard case .number(let number) = element, let token = Int32(exactly: number), token >= 0 else { return nil }
            tokens.append(token)
        }
        return tokens.isEmpty ? nil : tokens
    }
}
