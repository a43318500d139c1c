import FoundationEssentials
import Postgres
import Queue
import TestSupport
import Testing
import UpstreamSupport

/// Jobs answered by a server that speaks the OpenAI API.
@Suite(.timeLimit(.minutes(10))) struct OpenAITests {
    private static func with(
        _ answer: @escaping @Sendable (ScriptedServer.Request, Int) -> Script,
        _ body: @escaping @Sendable (RunningQueue, ScriptedServer) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            try Data("sk-end-to-end\n".utf8).write(to: URL(filePath: folder.path + "/key"))
            try await ScriptedServer.with(answer: answer) { server in
                let configuration =
                    #"{"base_url": "\#(server.url)", "api_key": "file:\#(folder.path)/key", "models": {"echo": "upstream-model"}}"#
                try await RunningQueue.with(backend: "openai", configuration: configuration) { queue in
                    try await body(queue, server)
                }
            }
        }
    }

    @Test(.database(migrated: true)) func aJobIsAnsweredByTheUpstream() async throws {
        try await Self.with({ _, number in number == 1 ? Script(.reset) : .chat("Because.") }) { queue, server in
            let done = try await queue.sluice(["submit", "--model", "echo", "--prompt", "Why?", "--wait"])
            #expect(done.status == 0 && done.output.contains("Because."), "\(done)")
            let requests = server.seen.requests
            // What failed was tried again by the queue, once.
            #expect(requests.count == 2 && requests[1].headers["authorization"] == "Bearer sk-end-to-end")
            #expect(requests[1].body.contains(#""upstream-model""#) && requests[1].body.contains("Why?"))
            #expect(requests[1].headers["x-client-request-id"]?.hasSuffix("-2") == true)
        }
    }

    @Test(.database(migrated: true)) func tokensNobodyCountedAreMarkedInSQL() async throws {
        let whole = #"{"choices":[{"message":{"content":"12345678"},"finish_reason":"stop"}]}"#
        try await Self.with({ _, number in number == 1 ? .answer(whole) : .chat() }) { queue, _ in
            for isEstimated in [true, false] {
                let done = try await queue.sluice(["submit", "--model", "echo", "--prompt", "Why?", "--wait", "--json"])
                #expect(done.status == 0, "\(done)")
                let last = Statement(
                    "last_usage",
                    "select id, usage_estimated from sluice.result where completion_tokens = 2 order by id desc limit 1"
                )
                let row = try #require(try await queue.connection.query(last).first)
                let (id, marked): (Int64, Bool) = (try row.decode(0), try row.decode(1))
                #expect(marked == isEstimated)
                let shown = try await queue.sluice(["jobs", "show", "\(id)", "--json"])
                #expect(shown.output.contains(#""usage_estimated": \#(isEstimated)"#), "\(shown)")
            }
        }
    }

    @Test(.database(migrated: true)) func theUpstreamsErrorIsInTheErrorFileAndTheJob() async throws {
        let error = #"{"error": {"message": "65 tokens are too many", "code": "context_length_exceeded"}}"#
        try await Self.with({ _, _ in .answer(400, error) }) { queue, _ in
            try await TemporaryFolder.with { folder in
                let line =
                    #"{"custom_id": "r", "method": "POST", "url": "/v1/responses", "body": {"model": "echo", "input": "x"}}"#
                let errors = folder.path + "/errors.jsonl"
                let done = try await queue.sluice(
                    ["batch", "submit", "-", "--wait", "--errors", errors], input: line)
                #expect(done.status == 1, "\(done)")
                let text = try String(contentsOfFile: errors, encoding: .utf8)
                #expect(text.contains(#""status_code": 400"#) && text.contains(error), "\(text)")
                let batch = try #require(try await queue.queue.batches(limit: 1).first)
                let jobs = try await queue.connection.query(
                    Statement("batch_job", "select j.id from sluice.batch_jobs($1) j"), batch.batch)
                let id: Int64 = try #require(jobs.first).decode(0)
                let shown = try await queue.sluice(["jobs", "show", "\(id)", "--json"])
                #expect(shown.output.contains(#""error_class": "invalid_request""#), "\(shown)")
                #expect(shown.output.contains(#""error_body": \#(error)"#), "\(shown)")
            }
        }
    }
}
