import Subprocess
import SystemPackage

/// Runs a short-lived program and takes its output.
struct Tool {
    /// Bytes of output kept; more than that is a failure.
    static let outputLimit = 256 * 1024

    private let executable: Executable
    private let name: String
    /// What comes before the program's own arguments.
    private let prefix: [String]

    init(path: String, account: ServerAccount? = nil) {
        executable = account == nil ? .path(FilePath(path)) : .name("setpriv")
        name = path
        prefix = account.map { $0.privileges + ["--", path] } ?? []
    }

    init(name: String) {
        executable = .name(name)
        self.name = name
        prefix = []
    }

    /// Runs the program with `arguments`, `input` as its standard input, and returns its standard output.
    ///
    /// - Throws: `PrivateServerError` with `toolFailed`, carrying the last lines of its standard error.
    @discardableResult
    func output(_ arguments: [String], input: String = "") async throws -> String {
        let configuration = Configuration(
            executable: executable,
            arguments: Arguments(prefix + arguments),
            // Connection defaults of the caller's environment must not leak into what these programs connect to.
            environment: .inherit.updating([
                "PGHOST": nil, "PGPORT": nil, "PGUSER": nil, "PGDATABASE": nil, "PGSERVICE": nil, "PGOPTIONS": nil,
                "PGDATA": nil, "LC_ALL": "C.UTF-8", "LANGUAGE": nil,
            ]),
            workingDirectory: "/"
        )
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await run(
                configuration,
                input: .string(input),
                output: .string(limit: Self.outputLimit),
                error: .string(limit: Self.outputLimit)
            )
        } catch let error as SubprocessError {
            throw PrivateServerError(.toolFailed, "\(name) could not be run", detail: "\(error)")
        }
        guard result.terminationStatus.isSuccess else {
            throw PrivateServerError(.toolFailed, "\(name) failed", detail: Self.lastLines(of: result.standardError))
        }
        return result.standardOutput
    }

    /// The last few lines, which is where programs say what went wrong.
    static func lastLines(of text: String, count: Int = 5) -> String {
        text.split(separator: "\n").suffix(count).joined(separator: " / ")
    }
}
