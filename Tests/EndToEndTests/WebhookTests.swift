import Gateway
import Logging
import Postgres
import Queue
import TestSupport
import Testing

/// Webhooks as their receivers see them; the cases are in Tests/Clients/hooks.py.
@Suite(.timeLimit(.minutes(10)))
struct WebhookTests {
    @Test(.database(migrated: true), arguments: ["job", "endpoint", "retried", "dripping", "gone", "runpod", "batch"])
    func receivers(name: String) async throws {
        try await RunningQueue.with(arguments: ["--allow-private-webhooks"]) { queue in
            try await queue.script("hooks", name)
        }
    }

    @Test(.database(migrated: true))
    func `an address that is not of the public internet is not asked`() async throws {
        try await RunningQueue.with { queue in try await queue.script("hooks", "private") }
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
        try await ClientScript.run("hooks", "killed", url: url, gateway: "http://127.0.0.1", key: key.text)
    }
}
