internal import BackendKit
internal import JSONText

/// Makes of the events of a streaming answer the chunks to pass on and the whole answer.
struct StreamAssembly {
    /// What an event is to those who wait.
    enum Step {
        /// A chunk to pass on.
        case chunk([UInt8])
        /// For nobody else.
        case nothing
        /// The answer is whole; what follows is not read.
        case done
        /// The upstream reports an error in place of the rest.
        case failed(UpstreamError, body: [UInt8])
    }

    /// An event that is not what this kind of answer is made of.
    struct Malformed: Error {}

    private let kind: ServiceDescriptor.Kind
    private let hidesUsage: Bool
    private let root = StreamNode()
    /// The response a `response.completed` brought.
    private var response: [UInt8]?
    /// Bytes of text the deltas brought, for estimates.
    private(set) var textBytes = 0

    init(kind: ServiceDescriptor.Kind, hidesUsage: Bool) {
        (self.kind, self.hidesUsage) = (kind, hidesUsage)
    }

    /// Takes one event.
    ///
    /// - Throws: `Malformed` when its data is not a JSON object of the expected form.
    mutating func take(_ event: EventStreamParser.Event) throws(Malformed) -> Step {
        if event.data.elementsEqual("[DONE]".utf8) { return .done }
        if event.data.isEmpty { return .nothing }
        guard let edit = JSONObjectEdit(event.data) else {
            guard event.name == "error" else { throw Malformed() }
            return .failed(Self.unknown, body: [])
        }
        if kind == .response { return try takeResponse(edit) }
        if event.name == "error" || edit["error"].map({ !$0.elementsEqual("null".utf8) }) == true {
            return .failed(UpstreamError(parsing: event.data) ?? Self.unknown, body: event.data)
        }
        let merged = event.data.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            return root.merge(&cursor, key: "")
        }
        guard let merged, root["choices"] != nil else { throw Malformed() }
        textBytes += merged
        let isUsageAlone =
            edit["usage"]?.first == UInt8(ascii: "{") && edit["choices"].map { Self.isEmptyArray($0) } != false
        return hidesUsage && isUsageAlone ? .nothing : .chunk(event.data)
    }

    private mutating func takeResponse(_ edit: JSONObjectEdit) throws(Malformed) -> Step {
        guard let typeJSON = edit["type"], case .string(let type)? = JSONValue(parsing: Array(typeJSON)) else {
            throw Malformed()
        }
        switch type {
        case "error": return .failed(UpstreamError(parsing: edit.text) ?? Self.unknown, body: edit.text)
        case "response.failed":
            let response = edit["response"].map { Array($0) } ?? []
            return .failed(UpstreamError(parsing: response) ?? Self.unknown, body: Self.errorObject(response))
        case "response.completed", "response.incomplete":
            guard let response = edit["response"], response.first == UInt8(ascii: "{") else { throw Malformed() }
            self.response = Array(response)
        case let type where type.hasSuffix(".delta"): textBytes += max(0, (edit["delta"]?.count ?? 0) - 2)
        default: break
        }
        return .chunk(edit.text)
    }

    /// Whether everything has come that an answer of this kind has, so that a missing `[DONE]` does not matter.
    var isWhole: Bool {
        if kind == .response { return response != nil }
        guard let choices = root["choices"], case .indexed = choices.form else { return false }
        return choices.elements.values.allSatisfy { $0["finish_reason"]?.form == .raw }
    }

    /// The whole answer; nil unless `isWhole`.
    func answer() -> [UInt8]? {
        guard isWhole else { return nil }
        if kind == .response { return response }
        if kind == .chat {
            root["object"]?.replace(with: Array("\"chat.completion\"".utf8))
            for choice in root["choices"]?.elements.values ?? [:].values {
                guard let message = choice["message"], message.form == .object else { continue }
                message.addFirst("content", json: Array("null".utf8))
                message.addFirst("role", json: Array("\"assistant\"".utf8))
            }
        }
        var text: [UInt8] = []
        root.append(to: &text)
        return text
    }

    /// The `error` of a response in an object of its own, as single answers have it.
    static func errorObject(_ response: [UInt8]) -> [UInt8] {
        guard let error = JSONObjectEdit(response)?["error"] else { return [] }
        return Array("{\"error\":".utf8) + error + [UInt8(ascii: "}")]
    }

    private static func isEmptyArray(_ json: ArraySlice<UInt8>) -> Bool {
        !json.contains { $0 > 0x20 && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
    }

    private static let unknown = UpstreamError(message: "it gave no reason")
}
