import Queue
import TestSupport
import Testing

/// `/openapi.json` is true, as schemathesis sees it; Tests/Clients/schema.py says how it is asked.
@Suite(.timeLimit(.minutes(10)))
struct SchemaTests {
    @Test(.database(migrated: true))
    func `no answer is a failure of the server, and each is one the document promises`() async throws {
        try await RunningQueue.with { queue in
            try await queue.queue.putModel("demo")
            try await queue.queue.putDeployment(DeploymentRequest(model: "demo", name: "demo-1", backend: "mock"))
            try await queue.script("schema", "all")
        }
    }
}
