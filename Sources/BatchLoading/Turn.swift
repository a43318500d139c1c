/// Tells one waiter that something is over.
///
/// May end before or after the wait begins.
struct Turn: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    /// What is over already.
    static var over: Turn {
        let turn = Turn()
        turn.end()
        return turn
    }

    init() { (stream, continuation) = AsyncStream.makeStream(of: Never.self) }

    /// It is over.
    func end() { continuation.finish() }

    /// Waits for the end.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        for await _ in stream {}
        try Task.checkCancellation()
    }
}
