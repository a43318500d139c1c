package import Domain
import JSONText

extension RequestGuard {
    private static let common: Set<String> = ["model", "user", "stream", "stream_options", "metadata", "store"]
    private static let known: [JobKind: Set<String>] = [
        .chat: common.union([
            "messages", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
            "max_completion_tokens", "max_tokens", "modalities", "n", "parallel_tool_calls", "prediction",
            "presence_penalty", "prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format",
            "safety_identifier", "seed", "service_tier", "stop", "temperature", "tool_choice", "tools", "top_logprobs",
            "top_p", "verbosity", "web_search_options",
        ]),
        .completion: common.union([
            "prompt", "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n",
            "presence_penalty", "seed", "stop", "suffix", "temperature", "top_p",
        ]),
        .embedding: common.union(["input", "dimensions", "encoding_format"]),
        .response: common.union([
            "input", "background", "conversation", "include", "instructions", "max_output_tokens", "max_tool_calls",
            "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_retention",
            "reasoning", "safety_identifier", "service_tier", "temperature", "text", "tool_choice", "tools",
            "top_logprobs", "top_p", "truncation",
        ]),
    ]

    /// The members that hold prompts and those that bound the answer.
    private struct Members {
        let prompts: [String]
        let bounds: [String]
        /// The prompts, then the bounds.
        let selection: JSONSelection

        init(prompts: [String], bounds: [String]) {
            (self.prompts, self.bounds) = (prompts, bounds)
            selection = JSONSelection((prompts + bounds).map { [$0] })
        }

        static let chat = Members(prompts: ["messages"], bounds: ["max_completion_tokens", "max_tokens"])
        static let completion = Members(prompts: ["prompt"], bounds: ["max_tokens"])
        static let embedding = Members(prompts: ["input"], bounds: [])
        static let response = Members(prompts: ["input", "instructions"], bounds: ["max_output_tokens"])

        static func of(_ kind: JobKind) -> Members {
            switch kind {
            case .chat: chat
            case .completion: completion
            case .embedding: embedding
            case .response: response
            }
        }
    }

    /// Checks `body`, a request of `kind`, and changes what is to be changed.
    ///
    /// - Parameter depth: How deep it may nest when the guard says nothing.
    /// - Throws: `GuardRefusal`; code `body_too_large` for the size.
    package func check(_ body: [UInt8], kind: JobKind, depth gateway: Int) throws(GuardRefusal) -> GuardedRequest {
        if let bodyBytes, body.count > bodyBytes {
            throw GuardRefusal(
                "This model takes requests of at most \(bodyBytes) bytes; this one has \(body.count).",
                code: "body_too_large")
        }
        var (body, stripped) = try knownMembers(body, kind)
        let members = Members.of(kind)
        let (prompts, bounds, count) = (members.prompts, members.bounds, members.prompts.count)
        var scanner = JSONScanner(selecting: members.selection, maximumDepth: min(depth ?? gateway, gateway))
        do throws(JSONScanError) { try scanner.scan(body.span) } catch {
            throw GuardRefusal("The request body is not JSON: \(error.description)", code: "invalid_json")
        }
        var walk = PromptWalk()
        for index in 0..<count {
            if let member = scanner[index] { walk.read(body.span, member.range) }
        }
        if let promptCharacters, walk.characters > promptCharacters {
            throw GuardRefusal(
                "This model takes prompts of at most \(promptCharacters) characters; this one has \(walk.characters).",
                parameter: prompts[0], code: "prompt_too_long")
        }
        if !walk.controls.isEmpty, controlCharacters == .refuse {
            throw GuardRefusal(
                "The prompt has a control character at byte \(walk.controls[0].lowerBound + 1): take it out.",
                parameter: prompts[0], code: "control_character")
        }
        var edits: [(range: Range<Int>, text: [UInt8])] =
            controlCharacters == .strip ? walk.controls.map { ($0, []) } : []
        var clamped: [(member: String, value: Int)] = []
        var answer: Int?
        for (index, name) in bounds.enumerated() {
            guard let member = scanner[count + index], member.kind != .null else { continue }
            guard let asked = try number(member, name, body) else { continue }
            let value = clamps ? max(leastTokens, min(asked, mostTokens ?? asked)) : asked
            answer = min(answer ?? value, value)
            guard value != asked else { continue }
            edits.append((member.range, Array("\(value)".utf8)))
            clamped.append((name, value))
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        body = Self.edited(body, edits)
        if answer == nil, let mostTokens, let name = bounds.last {
            body = Self.adding(name, mostTokens, to: body)
            clamped.append((name, mostTokens))
            answer = mostTokens
        }
        return GuardedRequest(
            body: body, clamped: clamped, stripped: stripped, promptCharacters: walk.characters,
            estimatedTokens: (walk.characters + 3) / 4 + (answer ?? 0))
    }

    private func knownMembers(_ body: [UInt8], _ kind: JobKind) throws(GuardRefusal) -> ([UInt8], [String]) {
        guard unknownFields != .pass, let known = Self.known[kind], var edit = JSONObjectEdit(body) else {
            return (body, [])
        }
        let unknown = edit.members.map(\.key).filter { !known.contains($0) && !extraFields.contains($0) }
        guard let first = unknown.first else { return (body, []) }
        guard unknownFields == .strip else {
            throw GuardRefusal(
                "This model does not know the field `\(first.prefix(64))`: leave it out.",
                parameter: String(first.prefix(64)), code: "unknown_field")
        }
        for key in unknown { edit.remove(key) }
        return (edit.result(), unknown)
    }

    private var clamps: Bool { mostTokens != nil || leastTokens > 1 }

    /// The number to clamp; nil when it is none and nobody clamps: what it means is then the backend's to say.
    private func number(_ member: JSONMember, _ name: String, _ body: [UInt8]) throws(GuardRefusal) -> Int? {
        guard member.kind == .number, let value = Int(String(decoding: body[member.range], as: UTF8.self)), value >= 0
        else {
            guard clamps else { return nil }
            throw GuardRefusal(
                "`\(name)` has to be a whole number, 0 or more.", parameter: name, code: "invalid_value")
        }
        return value
    }

    private static func edited(_ body: [UInt8], _ edits: [(range: Range<Int>, text: [UInt8])]) -> [UInt8] {
        guard !edits.isEmpty else { return body }
        var result: [UInt8] = []
        result.reserveCapacity(body.count + 16)
        var place = 0
        for edit in edits {
            result.append(contentsOf: body[place..<edit.range.lowerBound])
            result.append(contentsOf: edit.text)
            place = edit.range.upperBound
        }
        result.append(contentsOf: body[place...])
        return result
    }

    private static func adding(_ name: String, _ value: Int, to body: [UInt8]) -> [UInt8] {
        guard var edit = JSONObjectEdit(body) else { return body }
        edit.set(name, to: Array("\(value)".utf8))
        return edit.result()
    }
}
