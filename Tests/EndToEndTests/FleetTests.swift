import Domain
import Glibc
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The controller at work: real supervisors, real workers, backends that fail.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FleetTests {
    /// Nothing a person would wait for, so that a return takes seconds.
    private static let quick =
        #"{"open_ms": 200, "open_max_ms": 400, "step_ms": 20, "forgiveness_ms": 0, "latency_ms": 60000}"#

    /// What was decided about a deployment, in order, as its reasons.
    private func decisions(_ queue: RunningQueue, _ deployment: String, kinds: String) async throws -> [String] {
        try await queue.connection.query(
            Statement(
                "fleet_decisions",
                """
                select e.reason from sluice.event e
                where e.subject = 'deployment ' || $1::text and e.kind = any (string_to_array($2::text, ' ')) order by e.id
                """), deployment, kinds
        ).map { try $0.decode(0) }
    }

    /// Keeps jobs waiting while `body` runs.
    private func feeding(_ queue: RunningQueue, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    do {
                        try await queue.enqueue(500)
                        try await eventually("the queue runs low") {
                            try await queue.count("select count(*) from sluice.ready") < 500
                        }
                    } catch {
                        if !Task.isCancelled { throw error }
                    }
                }
            }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test(.database(migrated: true))
    func `a deployment that fails is isolated, and comes back by one job and then step by step`() async throws {
        try await RunningQueue.with(configuration: "{}") { queue in
            try await queue.admin("set-policy", "echo", Self.quick)
            try await queue.put("echo-2", #"{"errors": {"retryable": 1}}"#, isolated: true)
            try await queue.admin("set-weights", "echo", "echo-1=10", "echo-2=90")
            try await queue.admin("restore", "echo-2")
            try await feeding(queue) {
                try await eventually("it is isolated") {
                    try await !decisions(queue, "echo-2", kinds: "opened").isEmpty
                }
                // Back to where it fails again, or not: it has nothing but what it is probed with.
                try await eventually("it was probed, and failed") {
                    try await decisions(queue, "echo-2", kinds: "opened").contains {
                        $0.contains("the job let through failed")
                    }
                }
                try await queue.put("echo-2", "{}")
                try await eventually("it serves again") {
                    try await !decisions(queue, "echo-2", kinds: "closed").filter { !$0.contains("operator") }.isEmpty
                }
            }
            let all = try await decisions(queue, "echo-2", kinds: "opened probing ramped closed")
            let start = try #require(all.lastIndex { $0.contains("probing →") || $0.contains("probing → 1%") })
            let words = [
                "probing → 1%", "1% → 5%", "5% → 10%", "10% → 25%", "25% → 50%", "50% → 100%", "100% → closed",
            ]
            #expect(all[start...].count == words.count, "\(all)")
            for (reason, word) in zip(all[start...], words) { #expect(reason.contains(word), "\(reason)") }
            let reason = try await decisions(queue, "echo-2", kinds: "opened").first
            #expect(reason?.contains("failures in a row") == true, "\(all)")
            // Before it was isolated it had as many as a worker runs at a time, and a few more that were on the way.
            let failed = try await queue.count(
                """
                select count(*) from sluice.past_attempt a join sluice.deployment d on d.id = a.deployment_id
                where d.name = 'echo-2' and a.outcome = 'retried'
                    and a.ended_at < (select min(e.at) from sluice.event e where e.kind = 'opened')
                """)
            #expect(4...100 ~= failed)
            try await queue.expectAnswers()
        }
    }

    @Test(.database(migrated: true))
    func `when everything is sick the greater part is kept in service, and work goes on`() async throws {
        try await RunningQueue.with(configuration: #"{"errors": {"retryable": 0.6}}"#) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 100, retryBase: .milliseconds(5), retryCap: .milliseconds(20))
            try await queue.put("echo-2", #"{"errors": {"retryable": 0.6}}"#)
            try await feeding(queue) {
                try await eventually("somebody is told") {
                    try await queue.count("select count(*) from sluice.decisions where kind = 'panic'") > 0
                }
                let kept = try await queue.count("select count(*) from sluice.deployment_status where is_kept")
                #expect(kept > 0)
                let covered = try await queue.text(
                    "select (range_agg(r))::text from sluice.deployment d, unnest(d.share) r")
                #expect(covered == "{[0,10000)}")
                let before = try await queue.count("select count(*) from sluice.result")
                try await eventually("work goes on") {
                    try await queue.count("select count(*) from sluice.result") > before + 200
                }
            }
            try await queue.expectAnswers()
        }
    }

    @Test(.database(migrated: true)) func `a version that fails now and then is rolled back at its first step`()
        async throws
    {
        try await RunningQueue.with(configuration: "{}") { queue in
            try await queue.admin("set-policy", "echo", Self.quick)
            try await queue.put("echo-2", #"{"errors": {"retryable": 0.2}}"#, isolated: true)
            try await queue.put("echo-3", "{}", isolated: true)
            try await feeding(queue) {
                try await queue.admin("rollout", "echo-2")
                try await eventually("it is rolled back") {
                    try await queue.text("select state::text from sluice.rollouts where candidate = 'echo-2'")
                        == "rolled_back"
                }
                #expect(
                    try await decisions(queue, "echo-2", kinds: "rolled_back").first?.contains("1% → rolled back")
                        == true)
                #expect(
                    try await queue.text(
                        """
                        select string_agg(state || ' ' || share_percent, ', ' order by deployment) from sluice.deployment_status
                        where deployment <> 'echo-3'
                        """) == "serving 100.00, isolated 0.00")
                try await queue.admin("rollout", "echo-3")
                try await eventually("a good one takes its place") {
                    try await queue.text("select state::text from sluice.rollouts where candidate = 'echo-3'")
                        == "promoted"
                }
            }
            // The first is the operator's own.
            let steps = try await decisions(queue, "echo-3", kinds: "rollout promoted").dropFirst()
            let words = ["0% → 1%", "1% → 5%", "5% → 10%", "10% → 25%", "25% → 50%", "50% → 100%", "promoted"]
            #expect(steps.count == words.count, "\(steps)")
            for (reason, word) in zip(steps, words) { #expect(reason.contains(word), "\(reason)") }
            #expect(
                try await queue.text(
                    "select string_agg(deployment || ' ' || share_percent, ', ') from sluice.deployment_status where share_percent > 0"
                ) == "echo-3 100.00")
            try await queue.expectAnswers()
        }
    }

    @Test(.database(migrated: true))
    func `when the supervisor that leads is killed, another goes on where it was`() async throws {
        try await RunningQueue.with(configuration: "{}") { queue in
            // Long enough that it is still open when the other leads.
            try await queue.admin("set-policy", "echo", #"{"open_ms": 600000, "open_max_ms": 600000}"#)
            try await withStandby(queue) {
                try await queue.put("echo-2", #"{"errors": {"retryable": 1}}"#)
                try await feeding(queue) {
                    try await eventually("it is isolated") {
                        try await !decisions(queue, "echo-2", kinds: "opened").isEmpty
                    }
                    let status =
                        "select breaker || ' ' || open_until || ' ' || share_percent from sluice.deployment_status where deployment = 'echo-2'"
                    let before = try await queue.text(status)
                    let leader = try #require(
                        try await queue.text(
                            "select substring(supervisor from '[0-9]+$') from sluice.controller_status"))
                    let process = try #require(pid_t(leader))
                    let workers = try await queue.count("select max(id) from sluice.worker")
                    #expect(kill(process, SIGKILL) == 0)
                    try await eventually("another leads") {
                        try await queue.count("select count(*) from sluice.event where kind = 'leader'") == 2
                    }
                    let results = try await queue.count("select count(*) from sluice.result")
                    try await eventually("both deployments have workers again, and work goes on") {
                        let ready = try await queue.count(
                            "select count(distinct deployment_id) from sluice.worker where id > \(workers) and ended_at is null"
                        )
                        let done = try await queue.count("select count(*) from sluice.result")
                        return ready == 2 && done > results + 200
                    }
                    #expect(try await queue.text(status) == before)
                    #expect(try await decisions(queue, "echo-2", kinds: "opened").count == 1)
                }
                try await queue.expectAnswers()
            }
        }
    }

    /// One on another host, which only waits to lead, and one on the same host, which waits to keep that, too.
    @Test(.database(migrated: true), arguments: [true, false])
    func `when the supervisor that leads is stopped, another leads, and it does no harm when it goes on`(
        isElsewhere: Bool
    ) async throws {
        try await RunningQueue.with(configuration: "{}") { queue in
            try await withStandby(queue, host: isElsewhere ? "elsewhere" : nil) {
                let leader = try #require(
                    try await queue.text("select substring(supervisor from '[0-9]+$') from sluice.controller_status"))
                let process = try #require(pid_t(leader))
                let epoch = try await queue.count("select epoch from sluice.controller_status")
                #expect(kill(process, SIGSTOP) == 0)
                defer { kill(process, SIGCONT) }
                let stoppedAt = ContinuousClock.now
                try await eventually("another leads") {
                    try await queue.count("select epoch from sluice.controller_status") > epoch
                }
                let time = ContinuousClock.now - stoppedAt
                #expect(time < .seconds(10), "five, on a machine that has nothing else to do")
                try await queue.enqueue(200)
                try await queue.expectAnswers()
                kill(process, SIGCONT)
                try await eventually("it stands by") {
                    try await queue.count(
                        """
                        select count(*) from pg_stat_activity
                        where application_name = 'sluice supervisor' and datname = current_database()
                        """) == 2
                }
                try await queue.enqueue(200)
                try await queue.expectAnswers()
                #expect(try await queue.count("select epoch from sluice.controller_status") == epoch + 1)
            }
        }
    }

    @Test(.database(migrated: true)) func `jobs do not wait for a deployment that was scaled to nothing`() async throws
    {
        try await RunningQueue.with(configuration: "{}") { queue in
            try await queue.put("echo-2")
            try await queue.admin("set-weights", "echo", "echo-1=50", "echo-2=50")
            let scaled = try await queue.sluice(["scale", "echo-2", "0"])
            #expect(scaled.status == 0, "\(scaled.errors)")
            try await queue.enqueue(500)
            try await queue.expectAnswers()
            #expect(
                try await queue.text(
                    "select share_percent::text from sluice.deployment_status where deployment = 'echo-2'")
                    == "0.00")
        }
    }

    /// Runs `body` beside a second supervisor that stands by.
    ///
    /// - Parameter host: its host; nil: the same.
    private func withStandby(
        _ queue: RunningQueue, host: String? = nil, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            let standby = Configuration(
                executable: .path(FilePath(try Products.path(of: "sluice"))),
                arguments: ["supervisor", "--database-url", queue.url, "--backends", try Products.folder],
                environment: RunningQueue.environment.updating(["XDG_RUNTIME_DIR": folder.path, "SLUICE_HOST": host]))
            let result = try await Subprocess.run(standby, input: .none, output: .discarded, error: .discarded) {
                execution in
                let failure: (any Error)?
                do {
                    try await eventually("it stands by") {
                        try await queue.count(
                            """
                            select count(*) from pg_stat_activity
                            where application_name = 'sluice supervisor' and datname = current_database()
                            """) == 2
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
