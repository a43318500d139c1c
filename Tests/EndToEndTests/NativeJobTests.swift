import Queue
import TestSupport
import Testing

/// `/api/jobs` as programs use it; the cases are in Tests/Clients/native.py.
@Suite(.timeLimit(.minutes(10)))
struct NativeJobTests {
    @Test(.database(migrated: true), arguments: ["submission", "times", "waiting", "many"])
    func programs(name: String) async throws {
        try await RunningQueue.with { queue in
            try await queue.queue.putModel("idle")
            try await queue.script("native", name)
        }
    }
}
