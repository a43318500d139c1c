internal import BackendKit
internal import Synchronization

/// Keeps the times of one request while it runs.
final class CallWatch: Sendable {
    /// How long the end of a connection's turn is awaited behind an answer.
    private static let patience = Duration.milliseconds(250)

    private let clock: Mutex<CallClock>
    private let whole: (stream: AsyncStream<Answered>, continuation: AsyncStream<Answered>.Continuation)

    /// Begins now.
    init(_ times: OpenAIConfiguration.Times, timeLeft: Duration?) {
        clock = Mutex(CallClock(times, timeLeft: timeLeft, start: .now))
        whole = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Notes that the request was sent anew.
    func restarted() { clock.withLock { $0.restarted(at: .now) } }

    /// Notes that a part of the answer came.
    func received() { clock.withLock { $0.received(at: .now) } }

    /// Notes that the answer is whole: should the connection take long to end its turn, `runBehindAnswer` returns it.
    func answered(_ answered: Answered) { whole.continuation.yield(answered) }

    /// Waits until a limit is passed.
    ///
    /// - Throws: the failure of that limit; it never returns.
    func run() async throws -> Answered {
        while true {
            let (due, look) = clock.withLock { ($0.due, $0.nextLook(after: .now)) }
            if ContinuousClock.now >= due.at { throw BackendFailure(.retryable, due.limit.sentence) }
            try await Task.sleep(until: look, clock: .continuous)
        }
    }

    /// Waits until the answer is whole and has had its time to end, and returns it.
    func runBehindAnswer() async throws -> Answered {
        for await answered in whole.stream {
            try await Task.sleep(for: Self.patience)
            return answered
        }
        throw CancellationError()
    }
}
