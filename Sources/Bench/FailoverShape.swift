import Glibc
import Postgres
import Queue

/// A deployment that begins to fail, comes back, and a leader that is killed: how soon the controller acts, and what clients
/// see of it.
package struct FailoverShape: Shape {
    package static let name = "failover"
    package static let abstract = "a backend that fails: until it is isolated, until it is back; a leader killed -9"

    /// Short, so that a return is measured and not waited for.
    private static let policy = #"{"open_ms": 1000, "open_max_ms": 1000, "step_ms": 500}"#
    private static let mock = #"{"latency_ms": 5}"#
    private static let failing = #"{"latency_ms": 5, "errors": {"retryable": 1}}"#

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        try await laboratory.withDatabase("failover", slots: 16, workers: 1, mock: Self.mock) { database in
            _ = try await database.queue.perform(
                .setPolicy(model: "bench", policy: Array(Self.policy.utf8)), why: "bench")
            try await put(database, Self.failing)
            _ = try await database.queue.perform(
                .setWeights(model: "bench", weights: Array(#"{"bench": 50, "sick": 50}"#.utf8)), why: "bench")
            return try await laboratory.withProcess(
                ["supervisor"], url: database.url, environment: ["XDG_RUNTIME_DIR": "\(laboratory.folder)/one"]
            ) {
                try await laboratory.withProcess(
                    ["supervisor"], url: database.url, environment: ["XDG_RUNTIME_DIR": "\(laboratory.folder)/two"]
                ) { try await measure(database) }
            }
        }
    }

    private func measure(_ database: BenchDatabase) async throws -> [Measurement] {
        try await waitForWorkers(database, after: 0)
        try await database.fill(20_000)
        let say = database.laboratory.say
        say("a deployment begins to fail")
        _ = try await database.queue.perform(.restore("sick", byRamp: false), why: "bench")
        try await wait(database, "it is isolated", "select count(*) from sluice.event where kind = 'opened'")
        let isolated = try await isolation(database)
        say("it is repaired")
        try await put(database, Self.mock)
        try await feed(
            database, until: "select count(*) from sluice.event where kind = 'closed' and reason like '%100% → closed%'"
        )
        let back = try await recovery(database)
        say("the leader is killed")
        let lead = try await takeover(database)
        let jobs = try await database.number("bench_jobs", "select count(*)::float8 from sluice.job")
        try await database.waitForResults(Int(jobs))
        try await database.verify(jobs: Int(jobs))
        return [isolated, back, lead]
    }

    private func put(_ database: BenchDatabase, _ configuration: String) async throws {
        var request = DeploymentRequest(model: "bench", name: "sick", backend: "mock")
        request.configuration = Array(configuration.utf8)
        (request.slots, request.isIsolated) = (16, true)
        try await database.queue.putDeployment(request)
    }

    private func isolation(_ database: BenchDatabase) async throws -> Measurement {
        let statement = Statement(
            "bench_isolation",
            """
            with f as (select a.ended_at, row_number() over (order by a.ended_at) as place, a.started_at
                    from sluice.past_attempt a where a.outcome = 'retried'),
                o as (select min(e.at) as at from sluice.event e where e.kind = 'opened')
            select (extract(epoch from o.at - (select f.ended_at from f where f.place = 4)) * 1000)::float8,
                (select count(*) from f where f.started_at < o.at)::float8,
                (select count(*) from f, o p where f.started_at between p.at and p.at + interval '500 ms')::float8
            from o
            """)
        guard let row = try await database.connection.query(statement).first else {
            throw BenchFailure("nothing was isolated")
        }
        let (cost, failed, late) = try row.decode((Double, Double, Double).self)
        return Measurement(
            Self.name, "from the 4th failure until the deployment has no share",
            "\(milliseconds(cost)); \(Int(failed)) attempts failed, \(Int(late)) began later; no client saw an error",
            target: "a tick, 1 s", isMet: cost < 1000 && late == 0,
            figures: ["isolated_ms": cost, "failed_attempts": failed, "late_attempts": late])
    }

    private func recovery(_ database: BenchDatabase) async throws -> Measurement {
        let seconds = try await database.number(
            "bench_recovery",
            """
            select extract(epoch from max(e.at) filter (where e.kind = 'closed') - max(e.at) filter (where e.kind = 'probing'))
                ::float8 from sluice.event e where e.subject = 'deployment sick'
            """)
        return Measurement(
            Self.name, "from the job let through until the whole share, in judged steps of at least 500 ms",
            "\(milliseconds(seconds * 1000))", figures: ["recovery_ms": seconds * 1000])
    }

    private func takeover(_ database: BenchDatabase) async throws -> Measurement {
        let leader = Statement(
            "bench_leader",
            """
            select substring(c.supervisor from '[0-9]+$')::int, c.epoch, clock_timestamp(), (select max(id) from sluice.worker)
            from sluice.controller_status c
            """)
        guard let row = try await database.connection.query(leader).first else { throw BenchFailure("nobody leads") }
        let (process, epoch, at, worker) = try row.decode((Int32, Int64, Timestamp, Int64).self)
        guard kill(process, SIGKILL) == 0 else { throw BenchFailure("the leader could not be killed") }
        try await wait(
            database, "another leads",
            "select count(*) from sluice.controller where epoch > \(epoch) and beat_at > led_since")
        let cost = Statement(
            "bench_takeover", "select (extract(epoch from c.led_since - $1) * 1000)::float8 from sluice.controller c")
        let took: Double = try await database.connection.query(cost, at)[0].decode(0)
        try await waitForWorkers(database, after: worker)
        return Measurement(
            Self.name, "from the kill -9 of the leading supervisor until another leads", "\(milliseconds(took))",
            target: "under 5 s", isMet: took < 5000, figures: ["takeover_ms": took])
    }

    private func waitForWorkers(_ database: BenchDatabase, after worker: Int64) async throws {
        try await wait(
            database, "both deployments have workers",
            """
            select (count(distinct w.deployment_id) = 2)::int from sluice.worker w
            where w.id > \(worker) and w.ended_at is null and w.state = 'running'
            """)
    }

    /// Keeps jobs waiting until the number `sql` returns is not 0.
    private func feed(_ database: BenchDatabase, until sql: String) async throws {
        while try await database.number("bench_until", "select (\(sql))::float8") == 0 {
            if try await database.number("bench_ready", "select count(*)::float8 from sluice.ready") < 5000 {
                try await database.fill(5000)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits until the number `sql` returns is not 0.
    private func wait(_ database: BenchDatabase, _ what: String, _ sql: String) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await database.number("bench_wait", "select (\(sql))::float8") == 0 {
            guard ContinuousClock.now < end else { throw BenchFailure("\(what): not within a minute") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
