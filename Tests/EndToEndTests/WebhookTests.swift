import Gateway
import Logging
import Postgres
import Queue
import TestSupport
import Testing

/// Webhooks as their receivers see them; the cases are in Tests/Clients/hooks.py.
@Suite(.timeLimit(.minutes(10)))
struct WebhookTests {
    @Test(.database(migrated: true), arguments: ["job", "endpoint", "retried", "gone", "runpod"])
    func receivers(name: String) async throws {
        try await RunningQueue.with(arguments: ["--allow-private-webhooks"]) { queue in try await hooks(name, queue) }
    }

    @Test(.database(migrated: true))
    func `an address that is not of the public internet is not asked`() async throws {
        try await RunningQueue.with { queue in try await hooks("private", queue) }
    }

    @Test(.database(migrated: true))
    func `a delivery survives the death of the gateway that had it`() async throws {
        let url = try TestDatabase.current.url
        let connection = try await Connection.connect(
            try ConnectionConfiguration(url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        let queue = Queue(connection)
        try await queue.putModel("echo")
        let key = APIKey.random()
        _ = try await queue.createKey(tenant: "default", name: "test", prefix: key.prefix, sha256: key.sha256)
        try await ClientScript(name: "hooks.py")
            .succeeds(["killed", "http://127.0.0.1", key.text, "", try TestProducts.sluice, url])
    }

    private func hooks(_ name: String, _ queue: RunningQueue) async throws {
        try await ClientScript(name: "hooks.py")
            .succeeds([
                name, queue.gateway, queue.key, try await queue.otherKey(), try TestProducts.sluice, queue.url,
            ])
    }
}
