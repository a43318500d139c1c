import FoundationEssentials
import Gateway
import Postgres
import Queue
import Subprocess
import SystemPackage
import Testing

/// The scripts in Tests/Clients, in the Python environment of ops/clients.sh.
enum PythonClient {
    /// Runs one case of a script against a queue with a model `echo` and a second tenant.
    static func run(_ script: String, _ name: String) async throws {
        try await RunningQueue.with(
            slots: 16, configuration: #"{"markers": true, "retry_after_ms": 10, "latency_per_token_ms": 1}"#
        ) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 2, retryBase: .milliseconds(20), retryCap: .milliseconds(100))
            _ = try await queue.connection.query(Statement("test_tenant", "select sluice.put_tenant('other')"))
            let other = APIKey.random()
            _ = try await queue.queue.createKey(
                tenant: "other", name: "other", prefix: other.prefix, sha256: other.sha256)
            let outcome = try await python(script, [name, queue.gateway, queue.key, other.text])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private static func python(_ script: String, _ arguments: [String]) async throws -> RunningQueue.Outcome {
        let folder = try #require(
            ProcessInfo.processInfo.environment["SLUICE_CLIENTS"],
            "Run ops/clients.sh and set SLUICE_CLIENTS to the folder it prints, as ops/test.sh does.")
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Clients/\(script).py")
        let result = try await Subprocess.run(
            .path(FilePath("\(folder)/bin/python")), arguments: Arguments([file.string] + arguments),
            environment: .inherit.updating(["PYTHONDONTWRITEBYTECODE": "1"]), input: .none, output: .discarded,
            error: .string(limit: 1 << 20))
        return RunningQueue.Outcome(
            status: result.terminationStatus.isSuccess ? 0 : 1, output: "", errors: result.standardError)
    }
}
