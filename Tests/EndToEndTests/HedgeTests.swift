import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Second attempts for late jobs, with real workers of a fast and a slow deployment.
@Suite(.serialized, .timeLimit(.minutes(10))) struct HedgeTests {
    private static let jobs = 400

    /// Has so many interactive jobs answered, and returns the time 99 of 100 took no longer than, in seconds.
    private func ask(_ queue: RunningQueue) async throws -> Double {
        let before = try await queue.count("select coalesce(max(id), 0) from sluice.job")
        _ = try await queue.queue.enqueue(
            model: "echo", payloads: Array(repeating: RunningQueue.payload, count: Self.jobs), priority: .interactive,
            tenant: "default")
        try await queue.expectAnswers()
        return try await queue.number(
            """
            select percentile_cont(0.99) within group (order by extract(epoch from r.finished_at - j.created_at))
            from sluice.job j join sluice.result r on r.id = j.id where j.id > \(before)
            """)
    }

    @Test(.database(migrated: true))
    func `the slowest of a hundred are answered by another, and nobody twice`() async throws {
        try await RunningQueue.with(configuration: #"{"latency_ms": 10}"#) { queue in
            // That one is slow is no reason to leave it out here.
            let calm = #""latency_ms": 60000, "panic_percent": 100"#
            try await queue.admin("set-policy", "echo", "{\(calm)}")
            try await queue.put("echo-2", #"{"latency_ms": 4000}"#)
            try await queue.admin("set-weights", "echo", "echo-1=97", "echo-2=3")
            let without = try await ask(queue)
            #expect(without >= 4)
            #expect(try await queue.count("select count(*) from sluice.hedge") == 0)

            try await queue.admin(
                "set-policy", "echo", #"{\#(calm), "hedge_percent": 20, "hedge_min_ms": 50, "hedge_sample": 20}"#)
            // What second attempts are paid from.
            _ = try await ask(queue)
            let with = try await ask(queue)
            #expect(with < without / 2, "\(with) s, without \(without) s")
            let won = try await queue.count("select won from sluice.hedging where model = 'echo'")
            #expect(won > 0)
            #expect(try await queue.count("select count(*) from sluice.result where hedged") == won)
            #expect(
                try await queue.count("select count(*) from sluice.hedge") * 5
                    <= (try await queue.count("select count(*) from sluice.result")))
            try await eventually("nothing of them is left") {
                try await queue.count("select open from sluice.hedging where model = 'echo'") == 0
            }
            #expect(
                try await queue.count("select count(*) from sluice.job")
                    == (try await queue.count("select count(*) from sluice.result")))
            let hedged = try await queue.count("select min(id) from sluice.result where hedged")
            let shown = try await queue.sluice(["jobs", "show", "\(hedged)", "--json"])
            #expect(shown.output.contains(#""hedged": true"#), "\(shown)")
            print(
                "p99 of interactive jobs: \(without) s without, \(with) s with second attempts; \(won) answered first")
        }
    }

    @Test(.database(migrated: true)) func `a backend that never says how it is does not keep its worker from draining`()
        async throws
    {
        try await RunningQueue.with(configuration: "{}") { queue in
            try await queue.put("echo-2", #"{"health_ms": 3600000}"#)
            // With too little traffic to judge by it is asked; that it does not answer is told.
            try await eventually("its silence counts") {
                try await queue.count(
                    """
                    select count(*) from sluice.worker_heartbeat b join sluice.worker w on w.id = b.worker_id
                    join sluice.deployment d on d.id = w.deployment_id where d.name = 'echo-2' and not b.is_well
                    """) == 1
            }
            try await queue.admin("drain", "echo-2")
            try await eventually("its worker has ended") {
                try await queue.count(
                    """
                    select count(*) from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                    where d.name = 'echo-2' and w.ended_at is not null
                    """) == 1
            }
            #expect(
                try await queue.text(
                    """
                    select w.state || ': ' || w.cause from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                    where d.name = 'echo-2'
                    """) == "stopped: drained")
        }
    }
}
