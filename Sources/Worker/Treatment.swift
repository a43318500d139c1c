import Domain
import JSONText

/// What the arm of an experiment makes of a request: members it gets at the top, and a text before the prompt. Pure.
///
/// Every other byte stays as it was. The text comes before what a system message at the beginning says, or is one where there
/// is none; before the prompts of a completion; before the instructions of a response; an embedding has nothing to say
/// before.
struct Treatment: Sendable {
    /// JSON values by key.
    private var parameters: [(key: String, value: [UInt8])] = []
    /// A JSON string, with its quotes.
    private var prefix: [UInt8]?

    /// Reads what SQL says: an object with `parameters`, an object or null, and `prompt_prefix`, a text or null. Nil for
    /// anything else.
    init?(_ json: [UInt8]) {
        guard let edit = JSONObjectEdit(json) else { return nil }
        if let value = edit["parameters"], let members = JSONObjectEdit(Array(value)) {
            parameters = members.members.map { ($0.key, Array(members.text[$0.value])) }
        }
        if let value = edit["prompt_prefix"], value.first == UInt8(ascii: "\"") { prefix = Array(value) }
    }

    /// `payload` as this arm would have it.
    func applied(to payload: [UInt8], kind: JobKind) -> [UInt8] {
        guard var edit = JSONObjectEdit(payload) else { return payload }
        for (key, value) in parameters { edit.set(key, to: value) }
        if let prefix {
            switch kind {
            case .chat:
                if let messages = edit["messages"] { edit.set("messages", to: Self.led(Array(messages), by: prefix)) }
            case .completion:
                if let prompt = edit["prompt"] { edit.set("prompt", to: Self.begun(Array(prompt), with: prefix)) }
            case .response:
                let instructions = edit["instructions"].map(Array.init) ?? []
                edit.set("instructions", to: Self.text(instructions, after: prefix) ?? prefix)
            case .embedding: break
            }
        }
        return edit.result()
    }

    /// `messages` with `prefix` in the system message at their beginning.
    private static func led(_ messages: [UInt8], by prefix: [UInt8]) -> [UInt8] {
        guard let elements = elements(of: messages) else { return messages }
        guard let first = elements.first else { return Array("[".utf8) + message(prefix) + Array("]".utf8) }
        if var edit = JSONObjectEdit(Array(messages[first])),
            let role = edit["role"], ["\"system\"", "\"developer\""].contains(String(decoding: role, as: UTF8.self)),
            let content = edit["content"].flatMap({ text(Array($0), after: prefix) })
        {
            edit.set("content", to: content)
            return messages[..<first.lowerBound] + edit.result() + messages[first.upperBound...]
        }
        return messages[..<first.lowerBound] + message(prefix) + Array(",".utf8) + messages[first.lowerBound...]
    }

    private static func message(_ content: [UInt8]) -> [UInt8] {
        Array("{\"role\":\"system\",\"content\":".utf8) + content + Array("}".utf8)
    }

    /// The string, or each string of the list, with `prefix` before it.
    private static func begun(_ prompt: [UInt8], with prefix: [UInt8]) -> [UInt8] {
        func joined(_ string: ArraySlice<UInt8>) -> [UInt8] {
            string.first == UInt8(ascii: "\"") ? prefix.dropLast() + string.dropFirst() : Array(string)
        }
        guard let elements = elements(of: prompt) else { return joined(prompt[...]) }
        var result = Array("[".utf8)
        for element in elements {
            if result.count > 1 { result.append(UInt8(ascii: ",")) }
            result += joined(prompt[element])
        }
        return result + Array("]".utf8)
    }

    /// The JSON string `prefix`, an empty line, and the JSON string `text`; nil when that is none.
    private static func text(_ text: [UInt8], after prefix: [UInt8]) -> [UInt8]? {
        guard text.first == UInt8(ascii: "\"") else { return nil }
        return prefix.dropLast() + Array("\\n\\n".utf8) + text.dropFirst()
    }

    /// Where the elements of a JSON array are; nil when it is none.
    private static func elements(of text: [UInt8]) -> [Range<Int>]? {
        text.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            guard cursor.enterArray() else { return nil }
            var elements: [Range<Int>] = []
            while true {
                switch cursor.nextElement(first: elements.isEmpty) {
                case .element:
                    guard let element = cursor.skipValue() else { return nil }
                    elements.append(element)
                case .end: return elements
                case .key, .malformed: return nil
                }
            }
        }
    }
}
