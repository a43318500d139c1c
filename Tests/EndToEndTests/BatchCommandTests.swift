import Domain
import FoundationEssentials
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Each test has a queue of its own: workers of one would take the jobs of another.
@Suite(.timeLimit(.minutes(10)))
struct BatchCommandTests {
    private static func line(_ id: Int, _ content: String) -> String {
        #"{"custom_id": "r\#(id)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "echo", "messages": [{"role": "user", "content": "\#(content)"}]}}"#
    }

    private static func write(_ count: Int, to path: String, content: String = "Hello") throws {
        var text: [UInt8] = []
        for id in 0..<count { text.append(contentsOf: (line(id, "\(content) \(id)") + "\n").utf8) }
        try Data(text).write(to: URL(filePath: path))
    }

    private static func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test(.database(migrated: true)) func answersComeInTheOrderOfTheFile() async throws {
        try await TemporaryFolder.with { folder in
            let (input, output) = (folder.path + "/in.jsonl", folder.path + "/out.jsonl")
            try Self.write(500, to: input)
            try await RunningQueue.with { queue in
                let done = try await queue.sluice(["batch", "submit", input, "--wait", "--output", output, "--json"])
                #expect(done.status == 0, "\(done)")
                let answers = try Self.lines(output)
                #expect(answers.count == 500)
                #expect(answers.enumerated().allSatisfy { $1.contains(#""custom_id": "r\#($0)""#) })
                let listed = try await queue.sluice(["batch", "list", "--json"])
                #expect(listed.output.contains(#""succeeded": 500"#), "\(listed)")
            }
        }
    }

    @Test(.database(migrated: true)) func failedAndInvalidLinesAreInTheErrorFile() async throws {
        try await TemporaryFolder.with { folder in
            let (output, errors) = (folder.path + "/out.jsonl", folder.path + "/errors.jsonl")
            let input = [Self.line(0, "a"), "no JSON", Self.line(1, "[[mock:error invalid_request]]")].joined(
                separator: "\n")
            try await RunningQueue.with { queue in
                let refused = try await queue.sluice(["batch", "submit", "-"], input: input)
                #expect(refused.status == 65 && refused.errors.contains("standard input:2"), "\(refused)")
                #expect(try await queue.queue.batches(limit: 10).isEmpty)
                let done = try await queue.sluice(
                    ["batch", "submit", "-", "--skip-invalid", "--wait", "--output", output, "--errors", errors],
                    input: input)
                #expect(done.status == 1, "\(done)")
                #expect(try Self.lines(output).count == 1)
                let failed = try Self.lines(errors)
                #expect(failed.count == 2 && failed[0].contains("invalid_json_line"))
                #expect(failed[1].contains("invalid_request"))
            }
        }
    }

    @Test(.database(migrated: true)) func aBatchIsCancelled() async throws {
        try await TemporaryFolder.with { folder in
            let input = folder.path + "/in.jsonl"
            try Self.write(100, to: input)
            try await RunningQueue.with(workers: 0) { queue in
                let submitted = try await queue.sluice(["batch", "submit", input])
                let id = submitted.output.filter(\.isNumber)
                #expect(submitted.status == 0 && !id.isEmpty, "\(submitted)")
                let cancelled = try await queue.sluice(["batch", "cancel", id])
                #expect(cancelled.status == 0 && cancelled.output.contains("100"), "\(cancelled)")
                let waited = try await queue.sluice(["batch", "wait", id, "--json", "--timeout", "5m"])
                #expect(waited.status == 1 && waited.output.contains(#""cancelled": 100"#), "\(waited)")
            }
        }
    }

    @Test(.database(migrated: true)) func aLoaderThatIsKilledIsTakenUp() async throws {
        try await TemporaryFolder.with { folder in
            let input = folder.path + "/in.jsonl"
            try Self.write(60_000, to: input, content: String(repeating: "x", count: 400))
            try await RunningQueue.with(workers: 0) { queue in
                // The second chunk ends when this session lets it, which is never.
                try await queue.connection.execute(
                    script: """
                        create function wait_here() returns trigger language plpgsql as
                            'begin perform pg_advisory_xact_lock(4711); return new; end';
                        create trigger wait_here before insert on sluice.batch_chunk for each row
                            when (new.first_line > 0) execute function wait_here();
                        select pg_advisory_lock(4711);
                        """)
                let killed = Configuration(
                    executable: .path(FilePath(try Products.path(of: "sluice"))),
                    arguments: ["batch", "submit", input, "--database-url", queue.url, "--quiet"],
                    environment: RunningQueue.environment)
                _ = try await Subprocess.run(killed, input: .none, output: .discarded, error: .discarded) { execution in
                    try await eventually("a part is loaded") {
                        try await queue.queue.batches(limit: 1).first.map { $0.loaded > 0 } ?? false
                    }
                    try execution.send(signal: .kill)
                }
                try await eventually("what it was doing is rolled back") {
                    try await queue.connection.query(
                        Statement(
                            "test_waiters",
                            """
                            select pg_terminate_backend(pid) from pg_locks
                            where locktype = 'advisory' and objid = 4711 and not granted
                                and database = (select oid from pg_database where datname = current_database())
                            """)
                    ).isEmpty
                }
                try await queue.connection.execute(
                    script: "drop function wait_here cascade; select pg_advisory_unlock(4711)")
                let half = try #require(try await queue.queue.batches(limit: 1).first)
                #expect(half.state == .loading && half.loaded < 60_000)
                let again = try await queue.sluice(["batch", "submit", input])
                #expect(again.status == 0 && again.output.filter(\.isNumber) == "\(half.batch)", "\(again)")
                let whole = try #require(try await queue.queue.progress(of: half.batch))
                #expect(whole.loaded == 60_000 && whole.state == .running)
                #expect(try await queue.queue.batches(limit: 10).count == 1)
                #expect(try await queue.queue.invariantViolations().allSatisfy { $0.violations == 0 })
            }
        }
    }

    /// RLIMIT_DATA makes an allocation fail that goes past it, whatever it is for.
    @Test(.database(migrated: true)) func memoryIsBoundedWhateverTheFile() async throws {
        try await TemporaryFolder.with { folder in
            let input = folder.path + "/in.jsonl"
            // 50,000 lines and 200 MB.
            try Self.write(50_000, to: input, content: String(repeating: "x", count: 3_900))
            try await RunningQueue.with(workers: 0) { queue in
                let limited = try await Subprocess.run(
                    .name("sh"),
                    arguments: [
                        "-c", "ulimit -d 163840; exec \"$0\" batch submit \"$1\" --database-url \"$2\"",
                        try Products.path(of: "sluice"), input, queue.url,
                    ], environment: RunningQueue.environment, output: .string(limit: 1 << 16),
                    error: .string(limit: 1 << 16))
                #expect(limited.terminationStatus.isSuccess, "\(limited.standardError)")
                #expect(try await queue.queue.batches(limit: 1).first?.loaded == 50_000)
            }
        }
    }
}
