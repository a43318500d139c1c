import Glibc
import Subprocess
import SystemPackage

/// One child process, from its start to its end.
///
/// It has a process group of its own, so that Ctrl-C in a terminal reaches only us and a kill reaches all it started. Its
/// standard input is its lifeline: a pipe nothing is ever written to, whose end means that we are gone, however we went. On
/// its standard output it says that it is ready, by writing anything.
struct ChildProcess: Sendable {
    /// What a child can be told.
    enum Command: Sendable {
        /// Asks it to end: SIGTERM.
        case drain
        /// Ends it and everything in its process group: SIGKILL.
        case kill
    }

    /// How it ended.
    struct End: Sendable {
        var status: TerminationStatus
        /// The last it wrote to standard error.
        var lastWords: String
        /// The message of its last line.
        var lastMessage: String
        /// When its end was seen.
        var seenAt: ContinuousClock.Instant
    }

    /// There never was a process, or it was lost sight of.
    enum Failure: Error {
        case notStarted(any Error)
        case lost(any Error)
    }

    let executable: String
    let arguments: [String]
    let environment: [String: String]

    private var configuration: Subprocess.Configuration {
        var options = PlatformOptions()
        options.processGroupID = 0
        // Only for a supervisor that is cancelled instead of shut down: no time is left to drain.
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .seconds(1)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1)),
        ]
        var variables: [Environment.Key: String] = [:]
        for (name, value) in environment { if let key = Environment.Key(rawValue: name) { variables[key] = value } }
        return Subprocess.Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments), environment: .custom(variables),
            platformOptions: options)
    }

    /// Starts it and returns when it has ended, and with it everything in its process group.
    ///
    /// - Parameters:
    ///   - commands: obeyed while it lives.
    ///   - output: given what it writes to standard error; while that works, the child waits to write on.
    ///   - started: called with its process id.
    ///   - ready: called when it says that it is ready; not at all if it never does.
    /// - Throws: `Failure`. When the task is cancelled the child is ended first.
    func run(
        obeying commands: AsyncStream<Command>, output: inout WorkerOutput, started: (Int32) -> Void,
        ready: @escaping @Sendable () -> Void = {}
    ) async throws(Failure) -> End {
        var hasStarted = false
        do {
            let result = try await Subprocess.run(
                configuration, input: .inputWriter, output: .sequence, error: .sequence
            ) { execution in
                hasStarted = true
                let processID = execution.processIdentifier.value
                started(processID)
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await command in commands {
                            switch command {
                            case .drain: try execution.send(signal: .terminate)
                            case .kill: try execution.send(signal: .kill, toProcessGroup: true)
                            }
                        }
                    }
                    group.addTask {
                        var hasSaid = false
                        for try await _ in execution.standardOutput {
                            if !hasSaid { ready() }
                            hasSaid = true
                        }
                    }
                    // Ends when the last holder of the pipe has closed it, or with the child.
                    for try await buffer in execution.standardError {
                        buffer.withUnsafeBytes { output.append($0) }
                    }
                    try await Self.exit(of: processID)
                    let seenAt = ContinuousClock.now
                    // It has not been reaped, so its number is still its group's. There may be nobody left in it.
                    _ = Glibc.kill(-processID, SIGKILL)
                    group.cancelAll()
                    return seenAt
                }
            }
            output.finish()
            return End(
                status: result.terminationStatus, lastWords: output.lastWords, lastMessage: output.lastMessage,
                seenAt: result.closureResult)
        } catch {
            throw hasStarted ? .lost(error) : .notStarted(error)
        }
    }

    /// Returns when the process has ended. It closes standard error just before, so there is hardly anything to wait for,
    /// unless it had closed that by itself long before.
    private static func exit(of processID: Int32) async throws {
        var pause = Duration.microseconds(200)
        while true {
            var information = siginfo_t()
            let result = waitid(P_PID, id_t(processID), &information, WEXITED | WNOHANG | WNOWAIT)
            if result != 0 || information.si_signo == SIGCHLD { return }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(20))
        }
    }
}
