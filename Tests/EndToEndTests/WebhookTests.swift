import TestSupport
import Testing

/// Webhooks as their receivers see them; the cases are in Tests/Clients/hooks.py.
@Suite(.timeLimit(.minutes(3)))
struct WebhookTests {
    @Test(.database(migrated: true), arguments: ["job", "endpoint", "retried", "gone", "runpod", "killed"])
    func receivers(name: String) async throws {
        try await RunningQueue.with(arguments: ["--allow-private-webhooks"]) { queue in try await hooks(name, queue) }
    }

    @Test(.database(migrated: true))
    func `an address that is not of the public internet is not asked`() async throws {
        try await RunningQueue.with { queue in try await hooks("private", queue) }
    }

    private func hooks(_ name: String, _ queue: RunningQueue) async throws {
        try await ClientScript(name: "hooks.py")
            .succeeds([
                name, queue.gateway, queue.key, try await queue.otherKey(), try TestProducts.sluice, queue.url,
            ])
    }
}
