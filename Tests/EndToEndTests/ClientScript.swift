import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

/// A script in Tests/Clients, run with the Python environment of ops/clients.sh.
enum ClientScript {
    /// Runs a case of `script` to its end.
    static func run(_ script: String, _ name: String, _ arguments: [String]) async throws -> RunningQueue.Outcome {
        let folder = try #require(
            ProcessInfo.processInfo.environment["SLUICE_CLIENTS"],
            "Run ops/clients.sh and set SLUICE_CLIENTS to the folder it prints, as ops/test.sh does.")
        let path = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Clients/\(script)")
        let result = try await Subprocess.run(
            .path(FilePath("\(folder)/bin/python")), arguments: Arguments(["-B", path.string, name] + arguments),
            input: .none, output: .discarded, error: .string(limit: 1 << 20))
        return RunningQueue.Outcome(
            status: result.terminationStatus.isSuccess ? 0 : 1, output: "", errors: result.standardError)
    }
}
