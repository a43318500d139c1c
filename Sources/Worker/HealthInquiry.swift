import Glibc
import Synchronization

/// Asks a backend how it is, on a thread of its own: the backend may take its time, or never answer, and neither the jobs nor
/// the end of the worker may wait for it.
///
/// At most one question is under way. One that is never answered keeps its thread until the process ends; an answer for which
/// nobody waits any more is forgotten.
final class HealthInquiry: Sendable {
    /// A backend that has not answered for so long is not well.
    static let patience = Duration.seconds(5)

    private struct State {
        var isUnderWay = false
        var isAbandoned = false
        /// Whether somebody waits for the answer; one that comes later tells nothing of the time when it is asked for.
        var isAwaited = false
        var answer: Bool?
    }

    private final class Question: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let state = Mutex(State())
    private let answered = Signal()
    private let ask: @Sendable () -> Bool

    /// - Parameter ask: whether the backend is well; may block.
    init(_ ask: @escaping @Sendable () -> Bool) { self.ask = ask }

    /// Whether the backend is well, false when it has not said so within `patience`; nil when nobody wants to know any more.
    func isWell(within patience: Duration = HealthInquiry.patience) async -> Bool? {
        let began = ContinuousClock.now
        let isNew = state.withLock { state in
            defer { (state.isUnderWay, state.isAwaited) = (true, true) }
            return !state.isUnderWay
        }
        if isNew, !start() { return false }
        var left = patience
        while true {
            await answered.wait(atMost: left)
            left = Task.isCancelled ? .zero : patience - (ContinuousClock.now - began)
            let (isOver, answer) = state.withLock { state -> (Bool, Bool?) in
                if state.isAbandoned { return (true, nil) }
                // The signal may be that of an answer that was in time by a hair.
                guard let answer = state.answer ?? (left > .zero ? nil : false) else { return (false, nil) }
                (state.isAwaited, state.answer) = (false, nil)
                return (true, answer)
            }
            if isOver { return answer }
        }
    }

    /// Whether the backend has been asked and has not answered.
    var isUnderWay: Bool { state.withLock { $0.isUnderWay } }

    /// Nobody waits for an answer from now on.
    func abandon() {
        state.withLock { $0.isAbandoned = true }
        answered.raise()
    }

    private func start() -> Bool {
        let question = Question {
            let answer = self.ask()
            let isAwaited = self.state.withLock { state in
                state.isUnderWay = false
                if state.isAwaited { state.answer = answer }
                return state.isAwaited
            }
            if isAwaited { self.answered.raise() }
        }
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(question)
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Question>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard status == 0 else {
            unsafe argument.release()
            state.withLock { ($0.isUnderWay, $0.isAwaited) = (false, false) }
            return false
        }
        pthread_detach(thread)
        return true
    }
}
