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
            try await queue.script("access", name, more: [String(decoding: routes, as: UTF8.self)])
        }
    }

    private static func routes(_ url: String) throws -> [String] {
        Gateway(
            GatewaySettings(), database: try ConnectionConfiguration(url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).routes
    }
}
