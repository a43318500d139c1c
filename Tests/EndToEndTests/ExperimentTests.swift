import Domain
import FoundationEssentials
import Postgres
import Queue
import Subprocess
import TestSupport
import Testing

/// Experiments and limits with real workers, real gateways and the commands.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ExperimentTests {
    private func everythingEnded(_ queue: RunningQueue) async throws {
        try await eventually("everything has ended") {
            try await queue.count(
                "select count(*) from sluice.job j where not exists (select from sluice.result r where r.id = j.id)")
                == 0
        }
        #expect(try await queue.queue.invariantViolations().filter { $0.violations != 0 }.isEmpty)
    }

    private func curl(_ queue: RunningQueue, _ path: String, _ body: String) async throws -> String {
        let result = try await Subprocess.run(
            .name("curl"),
            arguments: ["-sS", queue.gateway + path, "-H", "Authorization: Bearer \(queue.key)", "-d", body],
            input: .none, output: .string(limit: 1 << 20), error: .discarded)
        return result.standardOutput
    }

    @Test(.database(migrated: true))
    func `the worse of two arms is called so, units keep theirs, and a shadow's answers are only recorded`()
        async throws
    {
        try await RunningQueue.with(workers: 1, slots: 8) { queue in
            try await queue.queue.putModel("echo", maximumAttempts: 1)
            // What fails here fails by order of the arm: no deployment is to blame.
            let policy = try await queue.sluice([
                "admin", "set-policy", "echo", #"{"failures_in_a_row": 100000, "error_percent": 100}"#,
            ])
            #expect(policy.status == 0, "\(policy.errors)")
            try await queue.put("echo-2", #"{"markers": true}"#)
            let started = try await queue.sluice([
                "experiments", "start", "words", "echo",
                #"""
                [{"name": "control", "percent": 40},
                 {"name": "bad", "percent": 40, "prompt_prefix": "[[mock:error retryable]]"},
                 {"name": "pinned", "percent": 20, "deployment": "echo-2", "parameters": {"max_tokens": 5}},
                 {"name": "dark", "percent": 50, "shadow": true, "parameters": {"max_tokens": 3}}]
                """#,
                "--plan", #"{"minimum_sample": 50, "target_sample": 200}"#, "--why", "a test",
            ])
            #expect(started.status == 0 && started.output.contains("the control is control"), "\(started)")

            for _ in 0..<2 {
                for user in 0..<10 {
                    let answer = try await curl(
                        queue, "/api/jobs",
                        #"{"model": "echo", "affinity": "user \#(user)", "body": \#(String(decoding: RunningQueue.payload, as: UTF8.self))}"#
                    )
                    #expect(answer.contains(#""object":"job""#) || answer.contains(#""object": "job""#), "\(answer)")
                }
            }
            #expect(
                try await queue.count(
                    """
                    select count(*) from (select x.unit from sluice.exposure x where x.copied_from is null group by x.unit
                        having count(*) = 2 and count(distinct x.arm_id) = 1) u
                    """) == 10)
            try await queue.enqueue(600)
            try await everythingEnded(queue)

            func ended(_ arm: String, _ condition: String) async throws -> Int64 {
                try await queue.count(
                    """
                    select count(*) from sluice.exposure x join sluice.arm a on a.id = x.arm_id
                    join sluice.result r on r.id = x.job_id join sluice.deployment d on d.id = r.deployment_id
                    where a.name = '\(arm)' and (\(condition))
                    """)
            }
            #expect(try await ended("control", "r.state <> 'succeeded'") == 0)
            #expect(try await ended("bad", "r.state = 'succeeded'") == 0)
            #expect(try await ended("pinned", "d.name <> 'echo-2' or r.completion_tokens <> 5") == 0)
            #expect(try await ended("dark", "r.completion_tokens <> 3") == 0)
            #expect(try await ended("dark", "true") > 200)
            #expect(try await ended("pinned", "true") > 60)
            // Nobody is answered by a shadow, and no list of a tenant shows it.
            let listed = try await queue.sluice(["jobs", "list", "--limit", "1000", "--tenant", "default", "--json"])
            #expect(!listed.output.contains("(shadow)"))

            let shown = try await queue.sluice(["experiments", "show", "words"])
            #expect(shown.status == 0 && shown.output.contains("worse: keep the control"), "\(shown)")
            try await eventually("the supervisor says so as well") {
                try await queue.count(
                    "select count(*) from sluice.experiment_report where arm = 'bad' and verdict = 'worse'") == 1
            }
            #expect(try await queue.count("select count(*) from sluice.decisions where kind = 'experiment'") > 0)

            let job = try await queue.count(
                """
                select x.job_id from sluice.exposure x join sluice.arm a on a.id = x.arm_id
                join sluice.job j on j.id = x.job_id where a.name = 'control' limit 1
                """)
            let scored = try await curl(queue, "/api/jobs/\(job)/score", #"{"value": 4.5}"#)
            #expect(scored.contains("4.5") && scored.contains("score"), "\(scored)")
            let copy = try await queue.count("select job_id from sluice.exposure where copied_from is not null limit 1")
            #expect(try await curl(queue, "/api/jobs/\(copy)/score", #"{"value": 1}"#).contains("error"))
            #expect(try await curl(queue, "/api/jobs/\(job)/score", #"{"value": "good"}"#).contains("`value`"))
            let command = try await queue.sluice(["score", "\(job)", "5"])
            #expect(command.status == 0, "\(command.errors)")
            #expect(try await queue.count("select value::bigint from sluice.score") == 5)

            let stopped = try await queue.sluice(["experiments", "stop", "words", "--why", "seen enough"])
            #expect(stopped.status == 0 && stopped.output.contains("is over"), "\(stopped)")
            let list = try await queue.sluice(["experiments", "list"])
            #expect(list.output.contains("words") && list.output.contains("stopped"))
            try await queue.enqueue(50)
            try await everythingEnded(queue)
            #expect(
                try await queue.count(
                    "select count(*) from sluice.result where id > \(copy) and state <> 'succeeded'"
                        + " and not exists (select from sluice.exposure x where x.job_id = sluice.result.id)") == 0)
        }
    }

    @Test(.database(migrated: true)) func `another model answers where one cannot, and the answer says so`()
        async throws
    {
        try await RunningQueue.with(configuration: #"{"errors": {"retryable": 1}}"#) { queue in
            try await queue.queue.putModel(
                "echo", maximumAttempts: 2, retryBase: .milliseconds(5), retryCap: .milliseconds(5))
            try await queue.queue.putModel("small")
            try await queue.queue.putDeployment(DeploymentRequest(model: "small", name: "small-1", backend: "mock"))
            try await eventually("the stand-in has a worker") {
                try await queue.count(
                    """
                    select count(*) from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                    where d.name = 'small-1' and w.state = 'running'
                    """) > 0
            }
            let set = try await queue.sluice(["admin", "set-fallbacks", "echo", "small"])
            #expect(set.status == 0 && set.output.contains("small"), "\(set)")
            try await queue.enqueue(30)
            try await everythingEnded(queue)
            #expect(
                try await queue.count(
                    "select count(*) from sluice.known_job where state = 'succeeded' and served_by = 'small'")
                    == 30)
            let body = String(decoding: RunningQueue.payload, as: UTF8.self)
            let answer = try await curl(queue, "/api/jobs?wait=30", #"{"model": "echo", "body": \#(body)}"#)
            let id = try #require(answer.split(separator: "\"id\":").last?.prefix { $0.isNumber || $0 == " " })
            let number = try #require(Int64(id.filter(\.isNumber)))
            try await eventually("it is answered") {
                let shown = try await queue.sluice(["jobs", "show", "\(number)", "--json"])
                return shown.output.contains(#""served_by": "small""#) || shown.output.contains(#""served_by":"small""#)
            }
        }
    }

    @Test(.database(migrated: true))
    func `workers keep to their deployment's limits together, and what is over them goes elsewhere`() async throws {
        try await RunningQueue.with(workers: 2, slots: 8, configuration: #"{"latency_ms": 10}"#) { queue in
            let limited = try await queue.sluice([
                "admin", "set-deployment-limits", "echo-1", #"{"concurrency": 3}"#,
            ])
            #expect(limited.status == 0 && limited.output.contains("concurrency"), "\(limited)")
            try await queue.enqueue(300)
            try await eventually("everything is answered, three at a time") {
                let held = try await queue.count("select count(*) from sluice.running")
                #expect(held <= 3)
                return try await queue.count("select count(*) from sluice.result") == 300
            }
            // Both work.
            #expect(try await queue.count("select count(distinct worker_id) from sluice.result") == 2)

            try await queue.put("echo-2", #"{"markers": true}"#)
            for arguments in [
                ["set-deployment-limits", "echo-1", #"{"concurrency": null, "requests_per_minute": 320}"#],
                ["set-weights", "echo", "echo-1=90", "echo-2=10"],
            ] {
                let outcome = try await queue.sluice(["admin"] + arguments)
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
            try await queue.enqueue(500)
            try await everythingEnded(queue)
            #expect(try await queue.count("select count(*) from sluice.result where state <> 'succeeded'") == 0)
            let most = try await queue.count(
                """
                select max(n) from (select count(*) over (order by r.started_at range between interval '60 s' preceding
                    and current row) as n
                    from sluice.result r join sluice.deployment d on d.id = r.deployment_id where d.name = 'echo-1') m
                """)
            #expect(most <= 320)
            #expect(
                try await queue.count(
                    """
                    select count(*) from sluice.result r join sluice.deployment d on d.id = r.deployment_id
                    where d.name = 'echo-2'
                    """) > 400)
        }
    }
}
