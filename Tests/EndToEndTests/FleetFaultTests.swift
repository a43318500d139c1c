import Domain
import FoundationEssentials
import Glibc
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What must hold when workers are killed, stopped, slowed down, or poisoned; what they have to do is shared out as asked.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FleetFaultTests {
    private static func prompt(_ text: String) -> [UInt8] {
        Array(#"{"messages":[{"role":"user","content":"\#(text)"}]}"#.utf8)
    }

    /// What each deployment has answered, in percent.
    private func parts(_ queue: RunningQueue) async throws -> [Double] {
        try await queue.connection.query(
            Statement(
                "fault_parts",
                """
                select (100.0 * count(*) / sum(count(*)) over ())::float8 from sluice.result r
                join sluice.deployment d on d.id = r.deployment_id group by d.name order by d.name
                """)
        ).map { try $0.decode(0) }
    }

    @Test(.database(migrated: true)) func `shares of 60, 30 and 10 get 60, 30 and 10 percent of 100,000 jobs`()
        async throws
    {
        try await RunningQueue.with(slots: 64, configuration: "{}") { queue in
            try await queue.put("echo-2")
            try await queue.put("echo-3")
            try await queue.admin("set-weights", "echo", "echo-1=60", "echo-2=30", "echo-3=10")
            for _ in 0..<50 { try await queue.enqueue(2_000) }
            try await queue.expectAnswers(within: .seconds(300))
            for (part, asked) in zip(try await parts(queue), [60.0, 30, 10]) {
                #expect(abs(part - asked) < 0.5, "\(part) instead of \(asked)")
            }
        }
    }

    @Test(.database(migrated: true)) func `equal shares vary by less than five percent`() async throws {
        try await RunningQueue.with(slots: 64, configuration: "{}") { queue in
            try await queue.put("echo-2")
            try await queue.put("echo-3")
            try await queue.admin("set-strategy", "echo", "round_robin")
            for _ in 0..<10 { try await queue.enqueue(2_000) }
            try await queue.expectAnswers(within: .seconds(300))
            let parts = try await parts(queue)
            #expect(parts.count == 3)
            for part in parts { #expect(abs(part * 3 / 100 - 1) < 0.05, "\(parts)") }
        }
    }

    @Test(.database(migrated: true)) func `a poisoned job among 200 good ones is quarantined, and they succeed`()
        async throws
    {
        try await RunningQueue.with(workers: 2) { queue in
            try await queue.enqueue(100)
            let poison = try await queue.queue.enqueue(.init(model: "echo", payload: Self.prompt("[[mock:segv]]")))
            try await queue.enqueue(100)
            try await queue.expectAnswers(failed: 1, within: .seconds(300))
            let status = try #require(try await queue.queue.status(of: [poison]).first)
            #expect(status.state == .quarantined && status.errorClass == .crash)
            let crashes = "sluice.past_attempt p where p.outcome = 'crashed'"
            #expect(try await queue.number("select count(*) from \(crashes) and p.id = \(poison)") == 1)
            // The others were with it the first time only: at the second it was alone.
            #expect(
                try await queue.number(
                    "select coalesce(max(n), 0) from (select count(*) n from \(crashes) and p.id <> \(poison) group by p.id) x"
                ) <= 1)
            #expect(try await queue.number("select count(distinct worker_id) from \(crashes)") == 1)
        }
    }

    @Test(.database(migrated: true), arguments: ["weighted", "health_weighted", "fastest"])
    func `when a deployment slows down tenfold it gets little, and the model is as fast as before`(strategy: String)
        async throws
    {
        try await RunningQueue.with(configuration: #"{"latency_ms": 20}"#) { queue in
            try await queue.put("echo-2", #"{"latency_ms": 20}"#)
            try await queue.admin("set-strategy", "echo", strategy)
            try await queue.admin("set-policy", "echo", #"{"latency_ms": 60, "window_ms": 5000}"#)
            try await queue.put("echo-2", #"{"latency_ms": 200}"#)
            let share = "select share_percent from sluice.deployment_status where deployment = 'echo-2'"
            let slow = """
                select percentile_cont(0.95) within group (order by extract(epoch from r.finished_at - r.started_at)) * 1000
                from (select * from sluice.result order by id desc limit 300) r
                """
            try await eventually("its share falls, and with it the time that nearly all take", within: .seconds(120)) {
                try await queue.enqueue(50)
                try await eventually("they are answered") {
                    try await queue.number("select count(*) from sluice.ready") == 0
                }
                let part = try await queue.number(share)
                let time = try await queue.number(slow)
                return part < 5 && time < 100
            }
            try await queue.expectAnswers(within: .seconds(300))
        }
    }

    @Test(.database(migrated: true)) func `a worker that is stopped past its lease does no harm when it goes on`()
        async throws
    {
        try await RunningQueue.with(workers: 0) { queue in
            try await queue.connection.execute(
                script: "update sluice.setting set value = 2 where name = 'lease_seconds'")
            let job = try await queue.queue.enqueue(
                .init(model: "echo", payload: Self.prompt("[[mock:latency 1500]]")))
            let zombie = Configuration(
                executable: .path(FilePath(try Products.path(of: "sluice"))),
                arguments: [
                    "worker", "--deployment", "echo-1", "--database-url", queue.url, "--backends",
                    try Products.folder,
                ], environment: RunningQueue.environment)
            let ended = try await Subprocess.run(
                zombie, input: .none, output: .discarded, error: .string(limit: 1 << 20)
            ) { execution in
                let process = execution.processIdentifier.value
                try await eventually("it runs the job") {
                    try await queue.number("select count(*) from sluice.running where id = \(job)") == 1
                }
                #expect(kill(process, SIGSTOP) == 0)
                try await eventually("its lease is over") {
                    try await queue.number("select count(*) from sluice.ready where id = \(job)") == 1
                }
                var request = DeploymentRequest(model: "echo", name: "echo-1", backend: "mock")
                request.configuration = Array(#"{"markers": true}"#.utf8)
                request.workers = 1
                try await queue.queue.putDeployment(request)
                try await eventually("the job runs elsewhere") {
                    try await queue.number("select count(*) from sluice.running where id = \(job) and attempt = 2")
                        == 1
                }
                #expect(kill(process, SIGCONT) == 0)
                try await queue.expectAnswers(within: .seconds(300))
            }
            #expect(try await queue.number("select attempt from sluice.result where id = \(job)") == 2)
            // Its late answer was refused, or it heard before that it counts as dead; either way it says so and ends.
            #expect(ended.terminationStatus == .exited(82), "\(ended.standardError)")
        }
    }

    @Test(.database(migrated: true)) func `a worker that leaks is drained and replaced, at the cost of no job`()
        async throws
    {
        // 40 MB a second: a drain begins 16 MB below the limit.
        let leaking = #"{"latency_ms": 50, "faults": {"leak": 1}, "leak_bytes": 262144}"#
        try await RunningQueue.with(
            configuration: leaking, arguments: ["--worker-memory-limit", "\(320 << 20)"]
        ) { queue in
            try await queue.enqueue(2_000)
            try await queue.expectAnswers(within: .seconds(300))
            #expect(try await queue.number("select count(*) from sluice.worker where exit_status = 86") > 0)
            #expect(try await queue.number("select count(*) from sluice.worker where exit_status = 83") == 0)
            // What waited in it was given back, which is no failure.
            let lost = "select count(*) from sluice.past_attempt where outcome <> 'released'"
            #expect(try await queue.number(lost) == 0)
        }
    }

    @Test(.database(migrated: true)) func `a supervised worker that is stopped past its lease is killed and replaced`()
        async throws
    {
        try await RunningQueue.with(workers: 1) { queue in
            try await queue.connection.execute(
                script: "update sluice.setting set value = 2 where name = 'lease_seconds'")
            let job = try await queue.queue.enqueue(
                .init(model: "echo", payload: Self.prompt("[[mock:latency 1500]]")))
            let holder = Statement(
                "fault_holder",
                "select w.id, w.pid from sluice.worker w join sluice.running l on l.worker_id = w.id where l.id = $1")
            let row = try await eventually("it runs the job") {
                try await queue.connection.query(holder, job).first
            }
            let (worker, process): (Int64, Int32) = (try row.decode(0), try row.decode(1))
            #expect(kill(process, SIGSTOP) == 0)
            try await eventually("its process is gone") { kill(process, 0) != 0 && errno == ESRCH }
            try await eventually("another stands in its place") {
                try await queue.number(
                    "select count(*) from sluice.worker where id > \(worker) and ended_at is null and state = 'running'"
                )
                    == 1
            }
            try await queue.expectAnswers()
            #expect(try await queue.number("select attempt from sluice.result where id = \(job)") == 2)
            try await eventually("its end is told") {
                try await queue.text("select signal || ' ' || cause from sluice.worker where id = \(worker)")
                    == "9 sent no heartbeat"
            }
            #expect(try await queue.number("select count(*) from sluice.past_attempt where outcome = 'crashed'") == 0)
        }
    }

    @Test(.database(migrated: true)) func `a worker is held to its limits by the kernel`() async throws {
        let memory = 512 << 20
        try await RunningQueue.with(arguments: ["--worker-memory-limit", "\(memory)"]) { queue in
            let process = try await eventually("there is a worker") {
                try await queue.text(
                    "select pid::text from sluice.worker where ended_at is null and ready_at is not null")
            }
            func lines(_ name: String) throws -> [[Substring]] {
                try String(contentsOfFile: "/proc/\(process)/\(name)", encoding: .utf8).split(separator: "\n")
                    .map { $0.split { $0 == " " || $0 == "\t" } }
            }
            // Of every thread, since each has its own.
            for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task") {
                #expect(try lines("task/\(thread)/status").contains(["NoNewPrivs:", "1"]))
            }
            let limits = try lines("limits")
            #expect(limits.contains(["Max", "core", "file", "size", "0", "0", "bytes"]))
            let most = "\(memory + (256 << 20))"
            #expect(limits.contains { $0 == ["Max", "data", "size", most[...], most[...], "bytes"] }, "\(limits)")
            let group = try #require(pid_t(process))
            #expect(getpgid(group) == group, "a process group of its own")
        }
    }

    @Test(.database(migrated: true)) func `twenty workers killed one after the other cost no job anything`()
        async throws
    {
        try await RunningQueue.with(workers: 3, slots: 4, configuration: #"{"latency_ms": 5}"#) { queue in
            let victims = Statement(
                "fault_victim",
                """
                select w.id, w.pid from sluice.worker w
                where w.ended_at is null and w.id <> all ($1) and exists (select from sluice.running l where l.worker_id = w.id)
                order by w.id limit 1
                """)
            var killed: Set<Int64> = []
            while killed.count < 20 {
                if try await queue.number("select count(*) from sluice.ready") < 500 {
                    try await queue.enqueue(1_000)
                }
                guard let row = try await queue.connection.query(victims, Array(killed)).first else { continue }
                let worker: Int64 = try row.decode(0)
                guard killed.insert(worker).inserted else { continue }
                // Of one that has ended by itself nothing is left to kill.
                #expect(kill(try row.decode(1, as: Int32.self), SIGKILL) == 0 || errno == ESRCH)
            }
            try await queue.expectAnswers(within: .seconds(300))
            // A signal from outside charges nobody, and what is not counted cannot fail.
            #expect(try await queue.number("select count(*) from sluice.past_attempt where outcome = 'crashed'") == 0)
            #expect(
                try await queue.number("select count(*) from sluice.past_attempt where outcome = 'worker_lost'") > 0)
            #expect(try await queue.number("select count(*) from sluice.suspect") == 0)
        }
    }
}
