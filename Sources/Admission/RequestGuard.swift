/// What a model's requests may look like.
package struct RequestGuard: Sendable, Hashable {
    /// What becomes of something unwanted.
    package enum Policy: String, Sendable, CaseIterable {
        case pass
        case strip
        case refuse
    }

    /// The largest body.
    package var bodyBytes: Int?
    /// How deep it may nest.
    package var depth: Int?
    /// The longest prompt: characters of all its texts together.
    package var promptCharacters: Int?
    /// The range max_tokens is clamped to; a request that says nothing gets the most of it.
    package var leastTokens = 1
    package var mostTokens: Int?
    /// Control characters in the prompt but for tab, line feed and carriage return.
    package var controlCharacters = Policy.pass
    /// Members the OpenAI API does not know.
    package var unknownFields = Policy.pass
    /// Members that are known nevertheless.
    package var extraFields: Set<String> = []

    /// A guard that lets everything pass.
    package init() {}
}

/// A request that does not get past its guard.
package struct GuardRefusal: Error, Sendable, Hashable {
    /// One sentence that says what to do.
    package let message: String
    /// The member at fault.
    package let parameter: String?
    /// A word for programs.
    package let code: String

    package init(_ message: String, parameter: String? = nil, code: String) {
        self.message = message
        self.parameter = parameter
        self.code = code
    }
}

/// A request that got past its guard, perhaps changed.
package struct GuardedRequest: Sendable {
    /// The request, UTF-8 JSON.
    package let body: [UInt8]
    /// Numbers that were changed, by the member they are in.
    package let clamped: [(member: String, value: Int)]
    /// Members that were taken out.
    package let stripped: [String]
    /// Characters of the prompt.
    package let promptCharacters: Int
    /// The tokens it may cost: a quarter of the prompt's characters, and what it asks for.
    package let estimatedTokens: Int
}
