import FoundationEssentials
import Gateway
import Postgres
import Queue
import Subprocess
import SystemPackage
import Testing

/// A script in Tests/Clients, run with the Python environment of ops/clients.sh.
struct ClientScript {
    /// Its file's name.
    let name: String

    /// Runs it with `arguments`, and expects it to succeed.
    func succeeds(_ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let folder = try #require(
            ProcessInfo.processInfo.environment["SLUICE_CLIENTS"],
            "Run ops/clients.sh and set SLUICE_CLIENTS to the folder it prints, as ops/test.sh does.")
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Clients/\(name)")
        let result = try await Subprocess.run(
            .path(FilePath("\(folder)/bin/python")), arguments: Arguments([script.string] + arguments),
            input: .none, output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        #expect(
            result.terminationStatus.isSuccess, "\(result.standardOutput)\n\(result.standardError)",
            sourceLocation: sourceLocation)
    }
}

extension ClientScript {
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

extension RunningQueue {
    /// A key of the tenant `other`, who is made for it.
    func otherKey() async throws -> String {
        _ = try await connection.query(Statement("test_tenant", "select sluice.put_tenant('other')"))
        let key = APIKey.random()
        _ = try await queue.createKey(tenant: "other", name: "other", prefix: key.prefix, sha256: key.sha256)
        return key.text
    }
}
