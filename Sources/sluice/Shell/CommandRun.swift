import Glibc
import Terminal
import UnixSignals

/// The life of a command's process: its work, the signals that end it early, and what becomes of its errors.
enum CommandRun {
    private enum Event: Sendable {
        case ended(Int32)
        case interrupted(Int32)
    }

    /// Runs `body` and returns the exit status.
    ///
    /// SIGINT, SIGTERM and SIGHUP cancel it, and the status is then 128 and the signal's number, as shells count. A second
    /// one ends the process at once.
    static func status(
        _ console: Console, _ body: @escaping @Sendable () async throws -> ProcessExit
    ) async -> Int32 {
        await withTaskGroup(of: Event.self) { group in
            group.addTask {
                do {
                    return .ended(try await body().rawValue)
                } catch {
                    if Task.isCancelled { return .ended(ProcessExit.ok.rawValue) }
                    return .ended(report(error, console))
                }
            }
            group.addTask { await signal() }
            var interruption: Int32?
            for await event in group {
                switch event {
                case .ended(let status):
                    group.cancelAll()
                    return interruption.map { 128 + $0 } ?? status
                case .interrupted(let number) where number == 0:
                    continue
                case .interrupted(let number):
                    guard interruption == nil else { _exit(128 + number) }
                    interruption = number
                    group.cancelAll()
                    // Cancelled with the rest: it only has to outlast the work's last steps.
                    group.addTask { await Self.signal() }
                }
            }
            return ProcessExit.software.rawValue
        }
    }

    /// Tells the person about `error` and returns the exit status it stands for.
    static func report(_ error: any Error, _ console: Console) -> Int32 {
        if let error = error as? ConsoleError, error.code == .closed { return error.exitCode.rawValue }
        let failure = CommandFailure(explaining: error)
        console.report(failure)
        return failure.exitCode.rawValue
    }

    /// The number of the next signal that asks the process to end; 0 when the task was cancelled first.
    private static func signal() async -> Event {
        for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup) {
            return .interrupted(number(of: signal))
        }
        return .interrupted(0)
    }

    private static func number(of signal: UnixSignal) -> Int32 {
        switch signal {
        case .sigint: SIGINT
        case .sighup: SIGHUP
        default: SIGTERM
        }
    }
}
