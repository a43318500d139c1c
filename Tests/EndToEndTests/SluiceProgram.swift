import FoundationEssentials
import Subprocess
import SystemPackage
import TestSupport

/// The program as users run it.
enum SluiceProgram {
    /// What a run of it left behind.
    struct Ended: Sendable {
        /// The exit status, or 128 and the number of the signal that ended it.
        var status: Int32
        var output: String
        var errors: String

        /// The lines of its output.
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// Bytes kept of each stream.
    static let limit = 4 << 20

    /// The environment of a run: nothing of ours but what programs need to be found, and `variables`.
    static func environment(_ variables: [String: String]) -> Environment {
        var all: [Environment.Key: String] = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8",
        ]
        for (name, value) in variables { if let key = Environment.Key(rawValue: name) { all[key] = value } }
        return .custom(all)
    }

    /// Runs `sluice` with `arguments` to its end.
    static func run(
        _ arguments: [String], in database: TestDatabase? = nil, environment variables: [String: String] = [:]
    ) async throws -> Ended {
        var variables = variables
        if let database { variables["SLUICE_DATABASE_URL"] = database.url }
        return try await run(program: try Products.path(of: "sluice"), arguments, environment: variables)
    }

    /// Runs any program to its end.
    static func run(
        program: String, _ arguments: [String], environment variables: [String: String] = [:]
    ) async throws -> Ended {
        let result = try await Subprocess.run(
            program.hasPrefix("/") ? .path(FilePath(program)) : .name(program), arguments: Arguments(arguments),
            environment: environment(variables), workingDirectory: "/", output: .string(limit: limit),
            error: .string(limit: limit))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Ended(status: status, output: result.standardOutput, errors: result.standardError)
    }
}
