import Domain
import Glibc
import Postgres
import Queue
import TestSupport
import Testing

/// Each test has a queue of its own: workers of one would take the jobs of another.
@Suite(.timeLimit(.minutes(10)))
struct SubmitTests {
    private static func id(_ outcome: RunningQueue.Outcome) throws -> Int64 {
        try #require(Int64(outcome.output.filter { !$0.isWhitespace }), "\(outcome)")
    }

    @Test(.database(migrated: true)) func waitingPrintsTheAnswer() async throws {
        try await RunningQueue.with { queue in
            let plain = try await queue.sluice(["submit", "--model", "echo", "--prompt", "Hello", "--wait"])
            #expect(plain.status == 0, "\(plain)")
            #expect(plain.output.count > 5 && !plain.output.contains("{"))
            let json = try await queue.sluice(
                ["submit", "--model", "echo", "--prompt", "-", "--wait", "--json", "--max-tokens", "3"], input: "Hello")
            #expect(json.status == 0, "\(json)")
            #expect(json.output.contains(#""state": "succeeded""#) && json.output.contains(#""answer": {"#))
            let embedding = try await queue.sluice(
                ["submit", "--model", "echo", "--kind", "embedding", "--prompt", "Hello", "--wait"])
            #expect(embedding.output.hasPrefix("["), "\(embedding)")
        }
    }

    @Test(.database(migrated: true)) func aStreamedAnswerIsTheAnswer() async throws {
        try await RunningQueue.with(configuration: #"{"latency_per_token_ms": 5, "completion_tokens": 40}"#) { queue in
            let prompt = ["submit", "--model", "echo", "--prompt", "Tell me a story."]
            let whole = try await queue.sluice(prompt + ["--wait"])
            let streamed = try await queue.sluice(prompt + ["--stream"])
            #expect(streamed.status == 0 && streamed.output == whole.output, "\(streamed) \(whole)")
            let pieces = try await queue.sluice(prompt + ["--stream", "--json"])
            let lines = pieces.output.split(separator: "\n")
            #expect(lines.count > 40, "\(pieces)")
            #expect(lines.first?.contains(#""attempt": 1, "seq": 1, "chunk": {"#) == true, "\(pieces)")
            // What does not stream is shown when it is there.
            let numbers = try await queue.sluice(
                ["submit", "--model", "echo", "--kind", "embedding", "--prompt", "Hello", "--stream"])
            #expect(numbers.status == 0 && numbers.output.hasPrefix("["), "\(numbers)")
        }
    }

    @Test(.database(migrated: true)) func aStreamWhoseWorkerIsKilledBeginsAgain() async throws {
        // The first attempt takes a minute, so that the kill comes in the middle of it.
        @Sendable func configuration(_ latency: Int) -> String {
            #"{"latency_per_token_ms": \#(latency), "completion_tokens": 60}"#
        }
        try await RunningQueue.with(configuration: configuration(1_000)) { queue in
            let prompt = ["submit", "--model", "echo", "--prompt", "Tell me a story."]
            async let streaming = queue.sluice(prompt + ["--stream"])
            let job = try await eventually("a few pieces") {
                try await queue.connection.query(
                    Statement("test_streaming", "select id from sluice.chunk group by id having count(*) > 1")
                ).first?.decode(0) as Int64?
            }
            let status = try #require(try await queue.queue.status(of: [job]).first)
            let workers = try await queue.connection.query(
                Statement("test_worker", "select pid from sluice.worker where id = \(status.worker ?? 0)"))
            // Whatever starts next is fast. Without a new revision nothing is restarted for it.
            try await queue.connection.execute(
                script: "update sluice.deployment set config = '\(configuration(0))'")
            kill(try #require(workers.first).decode(0) as Int32, SIGKILL)
            let streamed = try await streaming
            #expect(
                streamed.status == 0 && streamed.errors.contains("attempt 2 begins the answer again"), "\(streamed)")
            let whole = try await queue.sluice(prompt + ["--wait"])
            let last = streamed.output.split(separator: "\n").last.map(String.init)
            #expect(last == whole.output.split(separator: "\n").last.map(String.init))
        }
    }

    /// A service manager ends every process of a service, and so does `pkill`; the supervisor tells its workers, too.
    @Test(.database(migrated: true)) func aWorkerThatIsToldTwiceToEndHarmsNoJob() async throws {
        try await RunningQueue.with(configuration: #"{"latency_ms": 600000}"#) { queue in
            let job = try Self.id(try await queue.sluice(["submit", "--model", "echo", "--prompt", "Hello"]))
            let worker = try await eventually("it runs") { try await queue.queue.status(of: [job]).first?.worker }
            let workers = "select count(*) from sluice.worker where id = \(worker) and"
            let process = pid_t(try await queue.count("select pid from sluice.worker where id = \(worker)"))
            #expect(kill(process, SIGTERM) == 0)
            try await eventually("it drains") { try await queue.count("\(workers) state = 'draining'") == 1 }
            #expect(kill(process, SIGTERM) == 0)
            try await eventually("its end is known") { try await queue.count("\(workers) exit_status = 143") == 1 }
            try await eventually("the job runs elsewhere") {
                let other = try await queue.queue.status(of: [job]).first?.worker
                return other != nil && other != worker
            }
            let status = try #require(try await queue.queue.status(of: [job]).first)
            #expect(status.state == .running && status.attempt == 2 && status.failures == 0 && status.crashes == 0)
            let outcome = "select string_agg(outcome::text, ' ') from sluice.past_attempt where id = \(job)"
            #expect(try await queue.text(outcome) == "worker_lost")
            #expect(try await queue.sluice(["jobs", "cancel", "\(job)"]).status == 0)
            #expect(try await queue.sluice(["jobs", "wait", "\(job)"]).status == 1)
        }
    }

    /// What the database refuses of one job holds no other up.
    @Test(.database(migrated: true)) func anAnswerTheDatabaseRefusesFailsItsOwnJobOnly() async throws {
        try await RunningQueue.with { queue in
            // Every answer of the third job is refused; the failure that takes its place is not.
            try await queue.connection.execute(
                script: """
                    create function refuse() returns trigger language plpgsql as $$
                    begin
                        if new.state = 'succeeded' and new.id = 3 then raise exception 'not this one'; end if;
                        return new;
                    end $$;
                    create trigger refuse before insert on sluice.result for each row execute function refuse();
                    """)
            try await queue.enqueue(6)
            try await queue.expectAnswers(failed: 1)
            let status = try #require(try await queue.queue.status(of: [3]).first)
            #expect(status.state == .failed && status.errorClass == .fatal && status.attempt == 1)
            #expect(status.errorMessage == "PostgreSQL refuses to store the backend's answer (SQLSTATE P0001).")
        }
    }

    @Test(.database(migrated: true)) func aWorkerThatLosesItsConnectionWhileItLoadsLives() async throws {
        try await RunningQueue.with(configuration: #"{"start_ms": 6000}"#) { queue in
            // Without its connection a worker is dead after half a second.
            try await queue.connection.execute(
                script: """
                    update sluice.setting set value = 0 where name = 'restart_grace_ms';
                    update sluice.setting set value = 500 where name = 'lock_grace_ms';
                    """)
            let lock = """
                select l.pid from sluice.worker w join pg_locks l on l.locktype = 'advisory' and l.classid = 7021
                    and l.objsubid = 2 and l.objid = w.id::int::oid and l.granted
                """
            let first = try await eventually("it is there") {
                try await queue.connection.query(Statement("test_lock", lock)).first?.decode(0, as: Int32.self)
            }
            #expect(try await queue.count("select count(*) from sluice.worker where ready_at is null") == 1)
            #expect(try await queue.count("select count(pg_terminate_backend(\(first)))") == 1)
            try await eventually("it has a new connection") {
                try await queue.count("select count(*) from (\(lock)) x where pid <> \(first)") == 1
            }
            try await queue.enqueue(3)
            try await queue.expectAnswers()
            #expect(try await queue.count("select count(*) from sluice.worker") == 1, "it was declared dead")
        }
    }

    @Test(.database(migrated: true)) func failuresEndWithOneAndCanBeRetried() async throws {
        try await RunningQueue.with { queue in
            let failed = try await queue.sluice(
                ["submit", "--model", "echo", "--prompt", "[[mock:error invalid_request]]", "--wait"])
            #expect(failed.status == 1, "\(failed)")
            #expect(failed.errors.contains("sluice jobs retry"))
            let listed = try await queue.sluice(["jobs", "list", "--state", "failed", "--json"])
            #expect(listed.output.split(separator: "\n").count == 1, "\(listed)")
            let retried = try await queue.sluice(["jobs", "retry", "--all-dead", "--model", "echo", "--json"])
            #expect(retried.output.contains(#""retried": 1"#), "\(retried)")
            let bad = try await queue.sluice(["jobs", "retry", "999999"])
            #expect(bad.status == 1)
        }
    }

    @Test(.database(migrated: true)) func aScheduledJobWaitsForItsTimeAndCanBeCancelled() async throws {
        try await RunningQueue.with { queue in
            let submitted = try await queue.sluice(["submit", "--model", "echo", "--prompt", "later", "--at", "+1h"])
            let id = try Self.id(submitted)
            #expect(try await queue.queue.status(of: [id]).first?.state == .scheduled)
            let early = try await queue.sluice(["jobs", "wait", "\(id)", "--timeout", "100ms"])
            #expect(early.status == 75, "\(early)")
            #expect(try await queue.sluice(["jobs", "cancel", "\(id)"]).status == 0)
            let waited = try await queue.sluice(["jobs", "wait", "\(id)"])
            #expect(waited.status == 1 && waited.output.contains("cancelled"), "\(waited)")
            let soon = try await queue.sluice(
                ["submit", "--model", "echo", "--prompt", "soon", "--at", "+300ms", "--wait"])
            #expect(soon.status == 0, "\(soon)")
        }
    }

    @Test(.database(migrated: true)) func aRunningJobIsCancelled() async throws {
        try await RunningQueue.with { queue in
            let id = try Self.id(
                try await queue.sluice(["submit", "--model", "echo", "--prompt", "[[mock:latency 600000]]"]))
            try await eventually("the job runs") { try await queue.queue.status(of: [id]).first?.state == .running }
            #expect(try await queue.sluice(["jobs", "cancel", "\(id)"]).output.contains("running"))
            let waited = try await queue.sluice(["jobs", "wait", "\(id)", "--timeout", "5m"])
            #expect(waited.output.contains("cancelled"), "\(waited)")
        }
    }

    @Test(.database(migrated: true)) func optionsReachTheJob() async throws {
        try await RunningQueue.with(workers: 0) { queue in
            let arguments = [
                "submit", "--model", "echo", "--prompt", "Hello", "--priority", "4", "--key", "once", "--deadline",
                "+1h",
                "--max-attempts", "7", "--affinity", "a",
            ]
            let first = try Self.id(try await queue.sluice(arguments))
            #expect(try Self.id(try await queue.sluice(arguments)) == first)
            let job = try #require(try await queue.queue.status(of: [first]).first)
            #expect(job.priority == 4 && job.maximumAttempts == 7 && job.deadlineAt != nil)
            let other = try await queue.sluice(["submit", "--model", "echo", "--prompt", "Other", "--key", "once"])
            #expect(other.status == 65, "\(other)")
            let expired = try Self.id(
                try await queue.sluice(["submit", "--model", "echo", "--prompt", "x", "--deadline", "+1h"]))
            try await queue.connection.execute(
                script: """
                    update sluice.deadline set deadline_at = now() where id = \(expired);
                    update sluice.job set deadline_at = now() where id = \(expired);
                    """)
            let waited = try await queue.sluice(["jobs", "wait", "\(expired)", "--timeout", "5m"])
            #expect(waited.status == 1 && waited.output.contains("expired"), "\(waited)")
        }
    }

    @Test(.database(migrated: true)) func mistakesAreExplained() async throws {
        try await RunningQueue.with(workers: 0) { queue in
            let model = try await queue.sluice(["submit", "--model", "nobody", "--prompt", "x"])
            #expect(model.status == 65 && model.errors.contains("nobody"), "\(model)")
            let body = try await queue.sluice(["submit", "--model", "echo", "--body", "{"])
            #expect(body.status == 65 && body.errors.contains("JSON"), "\(body)")
            let both = try await queue.sluice(["submit", "--model", "echo", "--body", #"{"model": "other"}"#])
            #expect(both.status == 65, "\(both)")
            let time = try await queue.sluice(["submit", "--model", "echo", "--prompt", "x", "--at", "whenever"])
            #expect(time.status == 64, "\(time)")
            #expect(try await queue.sluice(["jobs", "show", "12345"]).status == 66)
            #expect(try await queue.sluice(["submit", "--prompt", "x"]).status == 64)
        }
    }
}
