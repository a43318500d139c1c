import Domain

/// A finished answer in the pieces a stream would have come in, for a backend that cannot stream, and for a stream whose
/// pieces are gone: clients read `delta`s, and find none in a whole answer. Pure.
///
/// One piece for each choice or item: how the answer would have been cut nobody knows.
struct WholeAnswer {
    private let kind: JobKind
    private let body: [UInt8]

    /// The answer `body` to a request of `kind`.
    init(_ body: [UInt8], kind: JobKind) { (self.kind, self.body) = (kind, body) }

    /// The events, but for what ends every stream of the kind; the whole as one event when it is no such answer.
    ///
    /// - Parameter includesUsage: Whether the last piece tells the tokens used, if the answer does.
    func events(includesUsage: Bool) -> [ServerSentEvent] {
        do throws(JSONScanError) {
            switch kind {
            case .chat:
                let choices = try elements(of: "choices", in: body).map { choice throws(JSONScanError) in
                    JSONOutput.object(
                        [.init("index", member("index", of: choice) ?? 0), .init("delta", try delta(of: choice))]
                            + members(["logprobs", "finish_reason"], of: choice))
                }
                return pieces(choices, "chat.completion.chunk", includesUsage)
            case .completion:
                return pieces(
                    try elements(of: "choices", in: body).map(JSONOutput.raw), "text_completion", includesUsage)
            case .response: return try responseEvents()
            case .embedding: return [ServerSentEvent(body)]
            }
        } catch {
            return [ServerSentEvent(body)]
        }
    }

    // MARK: Completions

    private func pieces(_ choices: [JSONOutput], _ object: String, _ includesUsage: Bool) -> [ServerSentEvent] {
        let head =
            members(["id"], of: body) + [.init("object", .string(object))]
            + members(["created", "model", "system_fingerprint", "service_tier"], of: body)
        var pieces = choices.map { head + [.init("choices", .array([$0]))] }
        if includesUsage, let usage = member("usage", of: body), usage != .raw(Array("null".utf8)) {
            pieces.append(head + [.init("choices", []), .init("usage", usage)])
        }
        return pieces.map { ServerSentEvent(.object($0)) }
    }

    /// The message of a choice as the difference to nothing: tool calls are told apart by their numbers there.
    private func delta(of choice: [UInt8]) throws(JSONScanError) -> JSONOutput {
        guard let message = text(of: "message", in: choice) else { return [:] }
        guard let calls = text(of: "tool_calls", in: message), calls.first == UInt8(ascii: "[") else {
            return .raw(message)
        }
        let numbered = try elements(calls).enumerated().map { number, call in
            JSONOutput.raw(JSONPatch.apply([(["index"], .integer(Int64(number)))], to: call))
        }
        return .raw(JSONPatch.apply([(["tool_calls"], .array(numbered))], to: message))
    }

    // MARK: Responses

    private func responseEvents() throws(JSONScanError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        func add(_ type: String, _ members: [JSONOutput.Member]) {
            let head: [JSONOutput.Member] = [
                .init("type", .string(type)), .init("sequence_number", .integer(Int64(events.count))),
            ]
            events.append(ServerSentEvent(.object(head + members), name: type))
        }
        let begun = JSONPatch.apply(
            [(["status"], "in_progress"), (["output"], []), (["usage"], nil)], to: body)
        add("response.created", [.init("response", .raw(begun))])
        for (number, item) in try elements(of: "output", in: body).enumerated() {
            let place = JSONOutput.Member("output_index", .integer(Int64(number)))
            let isMessage =
                text(of: "type", in: item) == Array(#""message""#.utf8)
                && text(of: "content", in: item)?.first == UInt8(ascii: "[")
            let opened =
                isMessage ? JSONPatch.apply([(["status"], "in_progress"), (["content"], [])], to: item) : item
            add("response.output_item.added", [place, .init("item", .raw(opened))])
            for (index, part) in (isMessage ? try elements(of: "content", in: item) : []).enumerated() {
                let spot = [
                    .init("item_id", member("id", of: item) ?? ""), place,
                    .init("content_index", .integer(Int64(index))),
                ]
                guard text(of: "type", in: part) == Array(#""output_text""#.utf8), let words = member("text", of: part)
                else { continue }
                add(
                    "response.content_part.added",
                    spot + [.init("part", .raw(JSONPatch.apply([(["text"], "")], to: part)))])
                add("response.output_text.delta", spot + [.init("delta", words), .init("logprobs", [])])
                add("response.output_text.done", spot + [.init("text", words), .init("logprobs", [])])
                add("response.content_part.done", spot + [.init("part", .raw(part))])
            }
            add("response.output_item.done", [place, .init("item", .raw(item))])
        }
        let isIncomplete = text(of: "status", in: body) == Array(#""incomplete""#.utf8)
        add(isIncomplete ? "response.incomplete" : "response.completed", [.init("response", .raw(body))])
        return events
    }

    // MARK: Reading

    /// The text of a member of the object `text`; nil when it has none.
    private func text(of name: String, in text: [UInt8]) -> [UInt8]? {
        var scanner = JSONScanner(selecting: [[name]])
        do throws(JSONScanError) { try scanner.scan(text.span) } catch { return nil }
        return scanner[0].map { Array(text[$0.range]) }
    }

    private func member(_ name: String, of object: [UInt8]) -> JSONOutput? {
        text(of: name, in: object).map(JSONOutput.raw)
    }

    /// Those of the members `names` that `object` has.
    private func members(_ names: [String], of object: [UInt8]) -> [JSONOutput.Member] {
        names.compactMap { name in member(name, of: object).map { JSONOutput.Member(name, $0) } }
    }

    /// The elements of the array in the member `name` of `object`.
    private func elements(of name: String, in object: [UInt8]) throws(JSONScanError) -> [[UInt8]] {
        try elements(text(of: name, in: object) ?? [])
    }

    private func elements(_ array: [UInt8]) throws(JSONScanError) -> [[UInt8]] {
        try JSONElements.ranges(of: array.span, maximumDepth: JSONScanner.defaultMaximumDepth).map { Array(array[$0]) }
    }
}
