/// Where the chunks of a streaming answer go.
public struct BackendStream: Sendable {
    /// Whether anybody wants them.
    ///
    /// Sending is harmless when nobody does.
    public let isWanted: Bool
    let send: @Sendable ([UInt8]) -> Void

    /// Sends one chunk: an OpenAI chunk object, without framing.
    ///
    /// The order of calls is the order of chunks; nothing may be sent after `respond` has returned.
    public func callAsFunction(_ chunk: [UInt8]) {
        if isWanted { send(chunk) }
    }
}
