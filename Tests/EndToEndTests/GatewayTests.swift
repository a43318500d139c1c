import Queue
import TestSupport
import Testing

/// The gateway as the `openai` package and httpx see it; the cases are in Tests/Clients.
@Suite(.timeLimit(.minutes(10)))
struct GatewayTests {
    @Test(
        .database(migrated: true),
        arguments: [
            "calls", "streams", "whole", "concurrent", "errors", "malformed", "jobs", "job_events", "tenants",
            "leaving", "leaving_early", "repeating", "names", "models", "readiness", "health",
        ])
    func clientsOfOthers(name: String) async throws { try await run("gateway", name) }

    @Test(
        .database(migrated: true),
        arguments: [
            "files", "large_file", "bad_forms", "broken_upload", "batches", "failing_lines", "bad_batches",
            "cancelling", "expiring", "lists", "asynchronous", "tenants", "guarded", "full_queue", "turns", "limited",
            "cut", "repeated", "lost_input",
        ])
    func filesAndBatches(name: String) async throws { try await run("batches", name) }

    @Test(
        .database(migrated: true),
        arguments: [
            "background", "failures", "cancelling", "resuming", "deleting", "synchronous", "tenants", "retries",
        ])
    func responses(name: String) async throws { try await run("responses", name) }

    /// Runs one case of a script against a queue with a model `echo`.
    private func run(_ script: String, _ name: String) async throws {
        try await RunningQueue.with(
            slots: 16, configuration: #"{"markers": true, "retry_after_ms": 10, "latency_per_token_ms": 1}"#
        ) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 2, retryBase: .milliseconds(20), retryCap: .milliseconds(100))
            try await queue.script(script, name)
        }
    }
}
