import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// A fleet for the model `echo`: what tests of it declare, ask and wait for.
extension RunningQueue {
    /// A chat of one message.
    static let payload = Array(#"{"messages":[{"role":"user","content":"hello"}]}"#.utf8)

    /// Queues so many of them.
    func enqueue(_ count: Int) async throws {
        _ = try await queue.enqueue(
            model: "echo", payloads: Array(repeating: Self.payload, count: count), priority: .normal, tenant: "default")
    }

    /// What a query counts.
    func count(_ sql: String) async throws -> Int64 {
        try await connection.query(Statement("test_count", sql))[0].decode(0)
    }

    /// The number a query returns.
    func number(_ sql: String) async throws -> Double {
        try await connection.query(Statement("test_number", "select (\(sql))::float8"))[0].decode(0)
    }

    /// The text a query returns; nil for none.
    func text(_ sql: String) async throws -> String? {
        try await connection.query(Statement("test_text", sql)).first?.decode(0, as: String?.self) ?? nil
    }

    /// Runs `sluice admin` with `arguments`, which it has to take.
    func admin(_ arguments: String...) async throws {
        let outcome = try await sluice(["admin"] + arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
    }

    /// Declares a deployment of the mock, and waits until a worker runs it as it is declared.
    func put(_ name: String, _ configuration: String = "{}", isolated: Bool = false) async throws {
        var request = DeploymentRequest(model: "echo", name: name, backend: "mock")
        request.configuration = Array(configuration.utf8)
        request.isIsolated = isolated
        try await queue.putDeployment(request)
        try await eventually("\(name) has a worker") {
            try await count(
                """
                select count(*) from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                where d.name = '\(name)' and w.ended_at is null and w.state = 'running' and w.revision = d.revision
                """) > 0
        }
    }

    /// Waits until everything that was asked for is answered; so many did not succeed, and nothing is wrong in SQL.
    func expectAnswers(failed: Int64 = 0, within limit: Duration = .seconds(120)) async throws {
        try await eventually("everything is answered", within: limit) {
            try await count(
                "select count(*) from sluice.job j where not exists (select from sluice.result r where r.id = j.id)")
                == 0
        }
        #expect(try await count("select count(*) from sluice.result where state <> 'succeeded'") == failed)
        #expect(try await queue.invariantViolations().filter { $0.violations != 0 }.isEmpty)
    }
}
