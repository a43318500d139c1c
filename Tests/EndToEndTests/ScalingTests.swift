import Domain
import FoundationEssentials
import Glibc
import Logging
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Scaling at work: real supervisors, real workers whose backend takes three seconds to load.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ScalingTests {
    private static let slow = #"{"start_ms": 3000, "latency_ms": 500}"#
    /// What a worker takes as its rule has it, and what a host has.
    private static let worker = 100 << 20
    private static let host = 350 << 20

    private func rule(_ queue: RunningQueue, _ more: [String] = []) async throws {
        let outcome = try await queue.sluice(
            [
                "scale", "echo-1", "--min-workers", "0", "--max-workers", "6", "--objective", "10s", "--idle-timeout",
                "2s", "--memory-per-worker", "100MiB",
            ] + more)
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func allAnswered(_ queue: RunningQueue, _ what: String) async throws {
        try await eventually(what) {
            try await queue.count(
                "select count(*) from sluice.job j where not exists (select from sluice.result r where r.id = j.id)")
                == 0
        }
    }

    private func isAtZero(_ queue: RunningQueue, _ what: String) async throws {
        try await eventually(what) {
            let left = try await queue.count(
                "select (select count(*) from sluice.worker where ended_at is null) + (select count(*) from sluice.worker_slot)"
            )
            return left == 0
        }
    }

    /// Nothing was lost, nothing failed, and no try was used up by the coming and going of workers.
    private func expectNothingFailed(_ queue: RunningQueue) async throws {
        #expect(try await queue.count("select count(*) from sluice.result where state <> 'succeeded'") == 0)
        #expect(
            try await queue.count(
                "select count(*) from sluice.past_attempt where outcome not in ('released', 'worker_lost')")
                == 0)
        #expect(try await queue.queue.invariantViolations().filter { $0.violations != 0 }.isEmpty)
    }

    /// Looks at what workers there are while `body` runs, and returns the most of a host that they ever took.
    private func watchingMemory(
        _ queue: RunningQueue, _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Int64 {
        let connection = try await Connection.connect(
            try ConnectionConfiguration(queue.url), logger: Logger(label: "watch") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        return try await withThrowingTaskGroup(of: Int64.self) { group in
            group.addTask {
                let statement = Statement(
                    "watch",
                    """
                    select coalesce(max(n), 0)::bigint from (select count(*) as n from sluice.worker
                    where ended_at is null group by host) w
                    """)
                var most: Int64 = 0
                while !Task.isCancelled {
                    do {
                        most = max(most, try await connection.query(statement)[0].decode(0, as: Int64.self))
                    } catch {
                        if !Task.isCancelled { throw error }
                    }
                }
                return most * Int64(Self.worker)
            }
            try await body()
            group.cancelAll()
            return try await group.next() ?? 0
        }
    }

    @Test(.database(migrated: true))
    func `workers follow two bursts, a plateau and a lull within the host's memory, as the simulator foretells`()
        async throws
    {
        try await RunningQueue.with(
            workers: 0, slots: 2, configuration: Self.slow, arguments: ["--host-memory", "350MiB"]
        ) { queue in
            try await rule(queue)
            try await isAtZero(queue, "there is nothing yet")
            let most = try await watchingMemory(queue) {
                try await queue.enqueue(150)
                try await eventually("there are as many workers as the host has memory for") {
                    try await queue.count("select ready::bigint from sluice.scaling_status") == 3
                }
                try await allAnswered(queue, "the burst is answered")
                for _ in 0..<10 {
                    try await queue.enqueue(20)
                    try await allAnswered(queue, "the plateau goes on")
                }
                #expect(
                    try await queue.count("select count(*) from sluice.worker") < 6, "workers stay while there is work"
                )
                try await isAtZero(queue, "the lull takes them all back")
                let before = try await queue.count("select count(*) from sluice.worker")
                // Where workers end some tenths of a second sooner or later, a burst that came with the end of the last
                // would find others.
                try await eventually("the lull has lasted") {
                    try await queue.count(
                        "select (clock_timestamp() - max(ended_at) > interval '4 seconds')::int::bigint from sluice.worker"
                    ) == 1
                }
                try await queue.enqueue(150)
                try await allAnswered(queue, "the second burst is answered")
                #expect(try await queue.count("select count(*) from sluice.worker") >= before + 2)
                try await isAtZero(queue, "and back to zero")
            }
            #expect(most <= Self.host && most >= 2 * Self.worker, "\(most) bytes were taken")
            try await expectNothingFailed(queue)
            #expect(
                try await queue.count(
                    "select count(*) from sluice.decisions where kind = 'scaled' and reason <> '' and inputs ? 'waiting'"
                ) >= 4)
            let cold = try await queue.text("select (p50_seconds between 3 and 30)::text from sluice.cold_starts")
            #expect(cold == "true", "a start takes what its backend takes")
            #expect(try await queue.text("select sluice.desired_workers('echo-1')::text") == "0")
            try await expectAsForetold(queue)
        }
    }

    /// The simulator, asked for the same rule with the jobs, run times and starts of what just was, says what was.
    private func expectAsForetold(_ queue: RunningQueue) async throws {
        // From the decision on: what the process itself takes is the most of it, but the jobs wait for all of it.
        let start = try await queue.number(
            """
            select percentile_cont(0.5) within group (order by extract(epoch from w.ready_at - (
                select max(e.at) from sluice.decisions e where e.kind = 'scaled' and e.at <= w.started_at)))
            from sluice.worker w
            """)
        let outcome = try await queue.sluice([
            "simulate", "--from-history", "1h", "--deployment", "echo-1", "--rule", "max_workers=3", "--policy",
            "sluice", "--cold-start", "\(start)", "--json",
        ])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let foretold = try JSONDecoder().decode(Foretold.self, from: Data(outcome.output.utf8))
        let waits = """
            (select extract(epoch from r.started_at - j.created_at) as wait from sluice.result r
            join sluice.job j on j.id = r.id) t
            """
        let inTime = try await queue.number("select 100 * avg((wait <= 10)::int) from \(waits)")
        let wait = try await queue.number("select avg(wait) from \(waits)")
        let paid = try await queue.number(
            "select sum(extract(epoch from ended_at - started_at)) from sluice.worker")
        let said: Comment = """
            \(foretold) with starts of \(start) s; in truth \(inTime)% in time, \(wait) s in the mean, \(paid) worker-seconds
            """
        // Some are late, or it would be no art.
        #expect(inTime < 95, said)
        #expect((inTime - foretold.attainment).magnitude <= 15, said)
        #expect((wait - foretold.wait_mean).magnitude <= 0.15 * wait, said)
        #expect((paid - foretold.worker_seconds).magnitude <= 0.15 * paid, said)
    }

    /// A line of `sluice simulate --json`.
    private struct Foretold: Decodable {
        var attainment: Double
        var worker_seconds: Double
        var wait_mean: Double
    }

    @Test(.database(migrated: true))
    func `a supervisor that is killed while it scales leaves no orphan and no gap`() async throws {
        try await RunningQueue.with(
            workers: 0, slots: 2, configuration: Self.slow, arguments: ["--host-memory", "350MiB"]
        ) { queue in
            try await withHost("second", queue) {
                try await rule(queue)
                try await queue.enqueue(200)
                try await eventually("both hosts start workers") {
                    try await queue.count("select count(distinct host) from sluice.worker where ended_at is null") == 2
                }
                let leader = try #require(
                    try await queue.text("select substring(supervisor from '[0-9]+$') from sluice.controller_status"))
                let process = try #require(pid_t(leader))
                let lost = try #require(
                    try await queue.text("select host from sluice.host_status where pid = \(process)"))
                let orphans = try await queue.connection.query(
                    Statement("orphans", "select pid from sluice.worker where host = $1::text and ended_at is null"),
                    lost
                ).map { try $0.decode(0, as: Int32.self) }
                #expect(!orphans.isEmpty)
                let before = try await queue.count("select count(*) from sluice.result")
                #expect(kill(process, SIGKILL) == 0)
                try await eventually("another leads, and its host has what there is") {
                    try await queue.count(
                        """
                        select count(*) from sluice.controller_status c, sluice.host_status h
                        where c.epoch = 2 and h.state = 'running' and h.slots > 0 and h.host <> '\(lost)'
                        """) == 1
                }
                try await eventually("nothing is left of the host that is gone") {
                    try await queue.count(
                        "select count(*) from sluice.worker where ended_at is null and host = '\(lost)'") == 0
                        && orphans.allSatisfy { kill($0, 0) != 0 }
                }
                try await allAnswered(queue, "everything is answered")
                #expect(try await queue.count("select count(*) from sluice.result") > before)
                #expect(
                    try await queue.count("select count(*) from sluice.worker_slot where host = '\(lost)'") == 0)
                try await expectNothingFailed(queue)
                try await isAtZero(queue, "and back to zero")
            }
        }
    }

    /// Runs `body` beside the supervisor of another host, which is the same machine by another name.
    private func withHost(
        _ name: String, _ queue: RunningQueue, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            let other = Configuration(
                executable: .path(FilePath(try Products.path(of: "sluice"))),
                arguments: [
                    "supervisor", "--database-url", queue.url, "--backends", try Products.folder, "--host-memory",
                    "350MiB",
                ],
                environment: RunningQueue.environment.updating(["XDG_RUNTIME_DIR": folder.path, "SLUICE_HOST": name]))
            let result = try await Subprocess.run(other, input: .none, output: .discarded, error: .discarded) {
                execution in
                let failure: (any Error)?
                do {
                    try await eventually("it keeps its host") {
                        try await queue.count("select count(*) from sluice.host_status where state = 'running'") == 2
                    }
                    try await body()
                    failure = nil
                } catch {
                    failure = error
                }
                await execution.teardown(using: [.send(signal: .terminate, allowedDurationToNextStep: .seconds(60))])
                return failure
            }
            if let failure = result.closureResult { throw failure }
        }
    }
}
