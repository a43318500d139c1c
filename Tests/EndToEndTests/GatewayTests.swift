import FoundationEssentials
import Gateway
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The gateway as the `openai` package and httpx see it; the cases are in Tests/Clients/gateway.py.
@Suite(.timeLimit(.minutes(3)))
struct GatewayTests {
    @Test(
        .database(migrated: true),
        arguments: [
            "calls", "streams", "concurrent", "errors", "malformed", "jobs", "job_events", "tenants", "leaving",
            "health",
        ])
    func clientsOfOthers(name: String) async throws {
        try await RunningQueue.with(
            slots: 16, configuration: #"{"markers": true, "retry_after_ms": 10, "latency_per_token_ms": 1}"#
        ) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 2, retryBase: .milliseconds(20), retryCap: .milliseconds(100))
            _ = try await queue.connection.query(Statement("test_tenant", "select sluice.put_tenant('other')"))
            let other = APIKey.random()
            _ = try await queue.queue.createKey(
                tenant: "other", name: "other", prefix: other.prefix, sha256: other.sha256)
            let outcome = try await Self.client(name, [queue.gateway, queue.key, other.text])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    /// Runs one case with the Python environment of ops/clients.sh.
    private static func client(_ name: String, _ arguments: [String]) async throws -> RunningQueue.Outcome {
        let folder = try #require(
            ProcessInfo.processInfo.environment["SLUICE_CLIENTS"],
            "Run ops/clients.sh and set SLUICE_CLIENTS to the folder it prints, as ops/test.sh does.")
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Clients/gateway.py")
        let result = try await Subprocess.run(
            .path(FilePath("\(folder)/bin/python")), arguments: Arguments([script.string, name] + arguments),
            input: .none, output: .discarded, error: .string(limit: 1 << 20))
        return RunningQueue.Outcome(
            status: result.terminationStatus.isSuccess ? 0 : 1, output: "", errors: result.standardError)
    }
}
