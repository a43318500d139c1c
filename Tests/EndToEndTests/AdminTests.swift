import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Steering a fleet of real workers, by the command and by SQL.
@Suite(.timeLimit(.minutes(10))) struct AdminTests {
    @Test(.database(migrated: true)) func `isolation stops claims at once, and loses nothing`() async throws {
        try await RunningQueue.with(configuration: #"{"latency_ms": 2}"#) { queue in
            var second = DeploymentRequest(model: "echo", name: "echo-2", backend: "mock")
            second.configuration = Array(#"{"latency_ms": 2}"#.utf8)
            try await queue.queue.putDeployment(second)
            let payload = Array(#"{"messages":[{"role":"user","content":"hello"}]}"#.utf8)
            func started(by deployment: String) async throws -> Int64 {
                try await queue.connection.query(
                    Statement(
                        "started",
                        """
                        select (select count(*) from sluice.result r join sluice.deployment d on d.id = r.deployment_id
                                where d.name = $1::text)
                            + (select count(*) from sluice.running l join sluice.worker w on w.id = l.worker_id
                                join sluice.deployment d on d.id = w.deployment_id where d.name = $1::text)
                        """), deployment)[0].decode(0)
            }
            _ = try await queue.queue.enqueue(
                model: "echo", payloads: Array(repeating: payload, count: 1_000), priority: .normal, tenant: "default")
            try await eventually("both deployments work") {
                let (first, second) = (try await started(by: "echo-1"), try await started(by: "echo-2"))
                return first > 0 && second > 0
            }
            let isolated = try await queue.sluice(["admin", "isolate", "echo-1", "--why", "a test"])
            #expect(isolated.status == 0, "\(isolated.errors)")
            #expect(isolated.output.contains("is isolated"))
            let answered: Timestamp = try await queue.connection.query(
                Statement("isolated", "select clock_timestamp()"))[0].decode(0)
            _ = try await queue.queue.enqueue(
                model: "echo", payloads: Array(repeating: payload, count: 500), priority: .normal, tenant: "default")
            try await eventually("everything is answered") {
                try await queue.connection.query(
                    Statement("answered", "select count(*) from sluice.result where state = 'succeeded'"))[0]
                    .decode(0, as: Int64.self) == 1_500
            }
            let late = try await queue.connection.query(
                Statement(
                    "late",
                    """
                    select count(*) from sluice.result r join sluice.deployment d on d.id = r.deployment_id
                    where d.name = 'echo-1' and r.started_at > $1::timestamptz + interval '100 milliseconds'
                    """), answered)
            #expect(try late[0].decode(0, as: Int64.self) == 0)

            let last = try await queue.sluice(["admin", "isolate", "echo-2"])
            #expect(last.status == 1 && last.errors.contains("--force"), "\(last.errors)")
            let divided = try await queue.sluice(["admin", "set-weights", "echo", "echo-1=1", "echo-2=3", "--json"])
            #expect(divided.output.contains("echo-2 100%"), "\(divided.output)")
            let restored = try await queue.sluice(["admin", "restore", "echo-1"])
            #expect(restored.status == 0)
            let shares = try await queue.connection.query(
                Statement("shares", "select share_percent::text from sluice.deployment_status order by deployment"))
            #expect(try shares.map { row in try row.decode(0, as: String.self) } == ["25.00", "75.00"])
            let wrong = try await queue.sluice(["admin", "set-weights", "echo", "echo-1=lots"])
            #expect(wrong.status == 64)
        }
    }

    @Test(.database(migrated: true)) func `a drained deployment's workers end when they are done`() async throws {
        try await RunningQueue.with { queue in
            func live() async throws -> Int64 {
                try await queue.connection.query(
                    Statement("live", "select count(*) from sluice.worker where ended_at is null and state = 'running'")
                )[0]
                .decode(0)
            }
            try await eventually("a worker is there") { try await live() == 1 }
            let refused = try await queue.sluice(["admin", "drain", "echo-1"])
            #expect(refused.status == 1)
            let drained = try await queue.sluice(["admin", "drain", "echo-1", "--force"])
            #expect(drained.status == 0, "\(drained.errors)")
            try await eventually("its worker has ended") { try await live() == 0 }
            _ = try await queue.sluice(["admin", "restore", "echo-1"])
            try await eventually("a worker is there again") { try await live() == 1 }
        }
    }
}
