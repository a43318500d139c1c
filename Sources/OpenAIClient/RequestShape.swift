internal import BackendKit
internal import JSONText

/// What is done to a request before it is sent: nothing that is not configured, except for `stream`.
///
/// Members are changed in place; the rest goes through byte for byte.
struct RequestShape: Sendable {
    /// A request as it is sent.
    struct Shaped: Sendable {
        var body: [UInt8]
        /// Whether the usage at the end of the stream was asked for here and not by the caller, who is not shown it.
        var hidesUsage: Bool
    }

    let configuration: OpenAIConfiguration

    /// The request to send for `body`.
    ///
    /// - Throws: `invalidRequest` when it is not a JSON object, or lacks the member that says what is asked.
    func shaped(
        _ body: [UInt8], kind: ServiceDescriptor.Kind, isStreaming: Bool
    ) throws(BackendFailure) -> Shaped {
        guard var edit = JSONObjectEdit(body) else {
            throw BackendFailure(.invalidRequest, "the request is not a JSON object in UTF-8")
        }
        for member in configuration.defaults where edit[member.key] == nil { edit.set(member.key, to: member.value) }
        for clamp in configuration.clamps { apply(clamp, to: &edit) }
        for member in configuration.forced { edit.set(member.key, to: member.value) }
        setModel(in: &edit)
        guard kind.questions.contains(where: { edit[$0] != nil }) else {
            throw BackendFailure(.invalidRequest, "the request has no '\(kind.questions[0])'")
        }
        let hidesUsage = setStream(isStreaming && kind != .embedding, kind, in: &edit)
        return Shaped(body: edit.result(), hidesUsage: hidesUsage)
    }

    private func setModel(in edit: inout JSONObjectEdit) {
        var name = configuration.model
        if name == nil, let asked = edit["model"], case .string(let text)? = JSONValue(parsing: Array(asked)) {
            name = configuration.models[text]
        }
        guard let name else { return }
        var json: [UInt8] = []
        json.appendJSONString(name)
        edit.set("model", to: json)
    }

    private func apply(_ clamp: OpenAIConfiguration.Clamp, to edit: inout JSONObjectEdit) {
        guard let value = edit[clamp.key], case .number(let number)? = JSONValue(parsing: Array(value)) else { return }
        if let minimum = clamp.minimum, number < minimum { edit.set(clamp.key, to: Self.json(minimum)) }
        if let maximum = clamp.maximum, number > maximum { edit.set(clamp.key, to: Self.json(maximum)) }
    }

    /// Makes the request stream or not, as the call does; whether anybody reads the chunks is not for the body to say.
    private func setStream(_ isStreaming: Bool, _ kind: ServiceDescriptor.Kind, in edit: inout JSONObjectEdit) -> Bool {
        guard isStreaming else {
            if let stream = edit["stream"], !stream.elementsEqual("false".utf8) {
                edit.set("stream", to: Array("false".utf8))
                edit.remove("stream_options")
            }
            return false
        }
        if edit["stream"].map({ $0.elementsEqual("true".utf8) }) != true { edit.set("stream", to: Array("true".utf8)) }
        guard configuration.includesUsage, kind == .chat || kind == .completion else { return false }
        guard let given = edit["stream_options"], var options = JSONObjectEdit(Array(given)) else {
            edit.set("stream_options", to: Array(#"{"include_usage":true}"#.utf8))
            return true
        }
        if options["include_usage"]?.elementsEqual("true".utf8) == true { return false }
        options.set("include_usage", to: Array("true".utf8))
        edit.set("stream_options", to: options.result())
        return true
    }

    private static func json(_ number: Double) -> [UInt8] {
        Array((Int(exactly: number).map { "\($0)" } ?? "\(number)").utf8)
    }
}

extension ServiceDescriptor.Kind {
    /// The members of which a request of this kind needs one.
    var questions: [String] {
        switch self {
        case .chat: ["messages"]
        case .completion: ["prompt"]
        case .embedding: ["input"]
        case .response: ["input", "prompt", "conversation", "previous_response_id"]
        }
    }
}
