import JSONText

/// What an engine has done, and what it is doing.
struct EngineNumbers: Sendable, Equatable {
    var requests = 0
    var failures = 0
    var cancelled = 0
    var promptTokens = 0
    var reusedTokens = 0
    var completionTokens = 0
    var embeddedTokens = 0
    var steps = 0
    var stepTokens = 0
    var active = 0
    var waiting = 0
    /// Tokens in memory of running jobs, and how many there may be.
    var memoryUsed = 0
    var memorySize = 0
    /// Tokens in the last step.
    var batch = 0
    /// Tokens out of the model in each second in which it was at work, lately.
    var tokensPerSecond = 0.0
    /// Decodes in a row that failed.
    var failedSteps = 0

    private var windowTokens = 0
    private var windowSeconds = 0.0

    /// How long a window of `tokensPerSecond` is.
    private static let window = 0.5

    /// A step made so many tokens in so many seconds.
    mutating func measured(_ tokens: Int, seconds: Double) {
        windowTokens += tokens
        windowSeconds += seconds
        // The first figure need not wait for a whole window.
        if windowSeconds >= Self.window || tokensPerSecond == 0, windowSeconds > 0, windowTokens > 0 {
            tokensPerSecond = Double(windowTokens) / windowSeconds
        }
        if windowSeconds >= Self.window { (windowTokens, windowSeconds) = (0, 0) }
    }

    /// A flat JSON object.
    var json: [UInt8] {
        let members: [(StaticString, Double)] = [
            ("requests", Double(requests)), ("failures", Double(failures)), ("cancelled", Double(cancelled)),
            ("prompt_tokens", Double(promptTokens)), ("reused_tokens", Double(reusedTokens)),
            ("completion_tokens", Double(completionTokens)), ("embedded_tokens", Double(embeddedTokens)),
            ("steps", Double(steps)), ("step_tokens", Double(stepTokens)), ("active", Double(active)),
            ("waiting", Double(waiting)), ("kv_tokens", Double(memoryUsed)), ("kv_capacity", Double(memorySize)),
            ("kv_use", memorySize > 0 ? Self.rounded(Double(memoryUsed) / Double(memorySize)) : 0),
            ("batch_size", Double(batch)), ("tokens_per_second", tokensPerSecond.rounded()),
        ]
        var text: [UInt8] = []
        for (index, member) in members.enumerated() {
            text.append(index == 0 ? "{\"" : ",\"")
            text.append(member.0)
            text.append("\":")
            text.appendNumber(member.1)
        }
        text.append("}")
        return text
    }

    private static func rounded(_ ratio: Double) -> Double { (ratio * 10_000).rounded() / 10_000 }
}
