import Queue
import TestSupport
import Testing

/// `/v2` as RunPod's own package sees it; the cases are in Tests/Clients/endpoints.py.
@Suite(.timeLimit(.minutes(10)))
struct RunPodTests {
    @Test(.database(migrated: true), arguments: ["package", "statuses", "purge", "limits", "bounded", "refused"])
    func clientsOfRunPod(name: String) async throws {
        try await RunningQueue.with(configuration: #"{"markers": true, "latency_per_token_ms": 1}"#) { queue in
            try await queue.queue.putModel("idle")
            try await queue.script("endpoints", name)
        }
    }
}
