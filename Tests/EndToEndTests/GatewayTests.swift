import TestSupport
import Testing

/// The gateway as the `openai` package and httpx see it; the cases are in Tests/Clients.
@Suite(.timeLimit(.minutes(10)))
struct GatewayTests {
    @Test(
        .database(migrated: true),
        arguments: [
            "calls", "streams", "concurrent", "errors", "malformed", "jobs", "job_events", "tenants", "leaving",
            "health",
        ])
    func clientsOfOthers(name: String) async throws { try await PythonClient.run("gateway", name) }

    @Test(
        .database(migrated: true),
        arguments: [
            "files", "large_file", "bad_forms", "broken_upload", "batches", "failing_lines", "bad_batches",
            "cancelling", "expiring", "lists", "asynchronous", "tenants",
        ])
    func filesAndBatches(name: String) async throws { try await PythonClient.run("batches", name) }

    @Test(
        .database(migrated: true),
        arguments: [
            "background", "failures", "cancelling", "resuming", "deleting", "synchronous", "tenants", "retries",
        ])
    func responses(name: String) async throws { try await PythonClient.run("responses", name) }
}
