import Domain

/// What the gateway has to know of an OpenAI-shaped request; the rest goes through as it is. Pure.
struct ModelRequest: Sendable {
    let kind: JobKind
    let model: String
    /// Whether the answer is to come in pieces.
    let isStreaming: Bool
    /// Whether the last piece is to tell the tokens used.
    let includesUsage: Bool
    /// Whether nobody waits for the answer (Responses API).
    let isBackground: Bool
    let body: [UInt8]

    private static let members = JSONSelection([
        ["model"], ["stream"], ["stream_options", "include_usage"], ["messages"], ["prompt"], ["input"],
        ["background"], ["store"],
    ])

    /// Reads `body` as a request of `kind`.
    ///
    /// - Throws: `GatewayFailure` with status 400 that says what is wrong.
    init(_ body: [UInt8], kind: JobKind, maximumDepth: Int) throws(GatewayFailure) {
        var scanner = JSONScanner(selecting: Self.members, maximumDepth: maximumDepth)
        do throws(JSONScanError) { try scanner.scan(body.span) } catch {
            throw .invalid("The request body is not JSON: \(error.description)")
        }
        guard scanner.root == .object else { throw .invalid("The request body has to be a JSON object.") }
        guard scanner.escapedNUL == nil else {
            throw .invalid("The character \\u0000 has to go: it cannot be stored.")
        }
        guard let model = scanner[0], model.kind == .string, !model.isEmpty else {
            throw .invalid("`model` has to be a string that is not empty.", parameter: "model")
        }
        do { self.model = try JSONString.unescape(body.span.extracting(model.contents)) } catch {
            throw .invalid("`model` has to be a string that is not empty.", parameter: "model")
        }
        isStreaming = try Self.flag(scanner[1], "stream", body)
        includesUsage = try Self.flag(scanner[2], "stream_options.include_usage", body)
        let (content, name) =
            switch kind {
            case .chat: (scanner[3], "messages")
            case .completion: (scanner[4], "prompt")
            case .embedding, .response: (scanner[5], "input")
            }
        guard let content, !content.isEmpty, content.kind == .array || (kind != .chat && content.kind == .string) else {
            throw .invalid(
                kind == .chat
                    ? "`messages` has to be an array that is not empty."
                    : "`\(name)` has to be a string or an array that is not empty.", parameter: name)
        }
        guard !isStreaming || kind != .embedding else {
            throw .invalid("Embeddings do not come in pieces: leave `stream` out.", parameter: "stream")
        }
        isBackground = if kind == .response { try Self.flag(scanner[6], "background", body) } else { false }
        if isBackground, let store = scanner[7], store.kind != .null {
            guard try Self.flag(store, "store", body) else {
                throw .invalid("A background response has to be stored: leave `store` out.", parameter: "store")
            }
        }
        self.kind = kind
        // The background is ours: the backend is waited for.
        self.body = isBackground ? JSONPatch.apply([(["background"], false)], to: body) : body
    }

    private static func flag(_ member: JSONMember?, _ name: String, _ body: [UInt8]) throws(GatewayFailure) -> Bool {
        guard let member, member.kind != .null else { return false }
        guard member.kind == .bool else { throw .invalid("`\(name)` has to be true or false.", parameter: name) }
        return body[member.range.lowerBound] == UInt8(ascii: "t")
    }
}
