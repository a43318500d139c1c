/// Tokens an attempt consumed, as its backend reported them.
public struct Usage: Sendable, Hashable, Codable {
    /// Tokens of the prompt.
    public var promptTokens: Int
    /// Tokens of the answer.
    public var completionTokens: Int
    /// Whether nobody counted them, and they are a guess.
    public var isEstimated: Bool

    /// A usage of `promptTokens` read and `completionTokens` written.
    public init(promptTokens: Int = 0, completionTokens: Int = 0, isEstimated: Bool = false) {
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.isEstimated = isEstimated
    }
}
