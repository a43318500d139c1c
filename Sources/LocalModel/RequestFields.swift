import BackendKit
import JSONText

/// The members of a request, read with refusals that name them.
///
/// A member that is null counts as absent, as it does with OpenAI.
struct RequestFields: Sendable {
    let body: JSONValue

    /// How many entries `logit_bias` may have.
    static let maximumBias = 1_024

    init(_ bytes: [UInt8]) throws(BackendFailure) {
        guard let body = JSONValue(parsing: bytes), case .object = body else {
            throw BackendFailure(.invalidRequest, "the request is not a JSON object in UTF-8")
        }
        self.body = body
    }

    /// The value of a member that is there and not null.
    subscript(key: String) -> JSONValue? {
        guard let value = body[key], value != .null else { return nil }
        return value
    }

    func refusal(_ key: String, _ wish: String) -> BackendFailure {
        BackendFailure(.invalidRequest, "'\(key)' \(wish)")
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(BackendFailure) -> Double? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, range ~= number else {
            throw refusal(key, "must be a number in \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(BackendFailure) -> Int? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, let integer = Int(exactly: number), range ~= integer else {
            throw refusal(key, "must be a whole number in \(range.lowerBound)...\(range.upperBound)")
        }
        return integer
    }

    func flag(_ key: String) throws(BackendFailure) -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .boolean(let flag) = value else { throw refusal(key, "must be true or false") }
        return flag
    }

    func text(_ key: String) throws(BackendFailure) -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw refusal(key, "must be a text") }
        return text
    }

    /// A text or an array of texts, at most `count` of at most `bytes` each.
    func texts(_ key: String, count: Int, bytes: Int) throws(BackendFailure) -> [String] {
        guard let value = self[key] else { return [] }
        let values: [JSONValue] = if case .array(let elements) = value { elements } else { [value] }
        guard values.count <= count else { throw refusal(key, "may have \(count) entries at most") }
        var texts: [String] = []
        for case let value in values {
            guard case .string(let text) = value, text.utf8.count <= bytes else {
                throw refusal(key, "must be a text, or an array of texts, of at most \(bytes) bytes")
            }
            texts.append(text)
        }
        return texts
    }

    /// An object of token numbers and what is added to their logits, from -100 to 100.
    func bias(_ key: String) throws(BackendFailure) -> [SamplingSettings.Bias] {
        guard let value = self[key] else { return [] }
        guard case .object(let members) = value, members.count <= Self.maximumBias else {
            throw refusal(key, "must be an object of at most \(Self.maximumBias) token numbers")
        }
        var bias: [SamplingSettings.Bias] = []
        for member in members {
            guard let token = Int32(member.key), token >= 0, case .number(let number) = member.value,
                -100...100 ~= number
            else { throw refusal(key, "must hold token numbers, each with a number in -100...100") }
            bias.append(.init(token: token, value: Float(number)))
        }
        return bias
    }
}
