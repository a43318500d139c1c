import Domain
import Terminal

/// The request a submit makes.
struct SubmitBody {
    var kind = JobKind.chat
    var model = ""
    var prompt: [UInt8] = []
    var system: String?
    var maximumTokens: Int64?
    var temperature: Double?
    var seed: Int64?

    /// The request as the OpenAI API takes it.
    var json: [UInt8] {
        var members = [JSONOutput.Member("model", .string(model))]
        let text = JSONOutput.string(String(decoding: prompt, as: UTF8.self))
        switch kind {
        case .chat:
            var messages: [JSONOutput] = []
            if let system { messages.append(["role": "system", "content": .string(system)]) }
            messages.append(["role": "user", "content": text])
            members.append(.init("messages", .array(messages)))
        case .completion: members.append(.init("prompt", text))
        case .embedding: members.append(.init("input", text))
        case .response:
            if let system { members.append(.init("instructions", .string(system))) }
            members.append(.init("input", text))
        }
        if let maximumTokens {
            members.append(.init(kind == .response ? "max_output_tokens" : "max_tokens", .integer(maximumTokens)))
        }
        if let temperature { members.append(.init("temperature", .number(temperature))) }
        if let seed { members.append(.init("seed", .integer(seed))) }
        var bytes: [UInt8] = []
        JSONOutput.object(members).append(to: &bytes)
        return bytes
    }

    /// Checks a request that was given as a whole and returns the model it names, if it names one.
    ///
    /// - Throws: `CommandFailure` when it is no JSON object.
    static func model(of request: [UInt8]) throws -> String? {
        var scanner = JSONScanner(selecting: [["model"]])
        do throws(JSONScanError) { try scanner.scan(request.span) } catch {
            throw CommandFailure(.dataInvalid, "The body is not JSON: \(error.description)")
        }
        guard scanner.root == .object else {
            throw CommandFailure(
                .dataInvalid, "The body is not a JSON object.", fix: "Give it as the OpenAI API takes it.")
        }
        guard let member = scanner[0], member.kind == .string else { return nil }
        return try JSONString.unescape(request.span.extracting(member.contents))
    }
}
