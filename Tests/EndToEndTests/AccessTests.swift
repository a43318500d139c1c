import FoundationEssentials
import Gateway
import Logging
import Postgres
import Queue
import TestSupport
import Testing

/// Keys, limits, guards and logs of gateways, several at a time; the cases are in Tests/Clients/access.py.
@Suite(.timeLimit(.minutes(10)))
struct AccessTests {
    @Test(
        .database(migrated: true),
        arguments: [
            "keys", "isolation", "requests", "tokens", "concurrency", "guards", "overload", "logs", "tls",
        ])
    func accessOfOthers(name: String) async throws {
        try await RunningQueue.with(slots: 16, configuration: #"{"markers": true, "retry_after_ms": 10}"#) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 2, retryBase: .milliseconds(20), retryCap: .milliseconds(100))
            if name == "overload" {
                try await queue.queue.putModel("slow")
                var slow = DeploymentRequest(model: "slow", name: "slow-1", backend: "mock")
                (slow.configuration, slow.slots) = (Array(#"{"latency_ms": 100}"#.utf8), 4)
                try await queue.queue.putDeployment(slow)
            }
            let routes = try JSONEncoder().encode(try Self.routes(queue.url))
            let outcome = try await ClientScript.run(
                "access.py", name, try await queue.scriptArguments() + [String(decoding: routes, as: UTF8.self)])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private static func routes(_ url: String) throws -> [String] {
        Gateway(
            GatewaySettings(), database: try ConnectionConfiguration(url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).routes
    }
}

extension RunningQueue {
    /// What scripts are given: where the gateway is, a key of two tenants, the program, and the database.
    func scriptArguments() async throws -> [String] {
        _ = try await connection.query(Statement("test_tenant", "select sluice.put_tenant('other')"))
        let other = APIKey.random()
        _ = try await queue.createKey(tenant: "other", name: "other", prefix: other.prefix, sha256: other.sha256)
        return [gateway, key, other.text, try Products.path(of: "sluice"), url]
    }
}
