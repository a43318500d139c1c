internal import Subprocess
internal import SystemPackage

/// A short-lived process of our own that runs a backend's code, and how it ended.
enum ChildRun: Sendable {
    /// It exited by itself.
    case exited(Int32, output: [UInt8], errors: [UInt8])
    case crashed(signal: Int32, errors: [UInt8])
    case notStarted(String)
    case timedOut
    case cancelled

    /// Runs `command`, a program with its arguments, and kills it after `timeLimit` or when the task is cancelled.
    ///
    /// One that writes more than `outputLimit` bytes to a stream is killed, and counts as not started.
    static func run(
        _ command: [String],
        timeLimit: Duration,
        environment: Environment,
        outputLimit: Int = 65_536
    ) async -> ChildRun {
        await withTaskGroup(of: ChildRun.self) { group in
            group.addTask { await start(command, environment, outputLimit) }
            group.addTask {
                do { try await Task.sleep(for: timeLimit) } catch { return .cancelled }
                return .timedOut
            }
            let first = await group.next() ?? .cancelled
            group.cancelAll()
            return first
        }
    }

    /// What it wrote to standard error at last, or the summary of a sanitizer, on one line with a word before it; empty when
    /// it wrote nothing.
    static func lastWords(_ errors: [UInt8]) -> String {
        let summary = errors.split(separator: UInt8(ascii: "\n")).last { $0.starts(with: "SUMMARY: ".utf8) }
        let words = String(decoding: (summary ?? errors[...]).suffix(500), as: UTF8.self)
        return words.isEmpty ? "" : ", last words: " + words.map { $0.isNewline ? " " : $0 }
    }

    private static func start(
        _ command: [String], _ environment: Environment, _ outputLimit: Int
    ) async -> ChildRun {
        guard let program = command.first else { return .notStarted("the command is empty") }
        do {
            let result = try await Subprocess.run(
                .path(FilePath(program)),
                arguments: Arguments(Array(command.dropFirst())),
                environment: environment,
                output: .bytes(limit: outputLimit),
                error: .bytes(limit: outputLimit)
            )
            switch result.terminationStatus {
            case .signaled(let signal): return .crashed(signal: signal, errors: result.standardError)
            case .exited(let code):
                return .exited(code, output: result.standardOutput, errors: result.standardError)
            }
        } catch {
            return .notStarted("\(error)")
        }
    }
}
