/// When a webhook that was not taken is tried again: 1 s, 4 s, 16 s … to 12 hours, so that eleven tries span about a day
/// and a half, each up to a fifth sooner, so that those which failed together do not come together again. Pure.
enum WebhookBackoff {
    private static let first = 1.0
    private static let factor = 4.0
    private static let longest = 43_200.0

    /// How long after try `attempt` (from 1) the next one comes.
    static func delay(after attempt: Int16, using random: inout some RandomNumberGenerator) -> Duration {
        var seconds = first
        for _ in 1..<max(2, min(attempt, 20)) where attempt > 1 { seconds = min(seconds * factor, longest) }
        return .milliseconds(Int(seconds * Double.random(in: 0.8...1, using: &random) * 1_000))
    }
}
