import BatchFile
import BatchLoading
import FoundationEssentials
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true), .timeLimit(.minutes(10)))
struct BatchResultsTests {
    /// Ends the jobs of `batch` on lines that `condition` chooses.
    private func end(
        _ batch: Int32, _ corner: Corner, where condition: String, as state: String, error: String = "null"
    )
        async throws
    {
        try await corner.connection.execute(
            script: """
                insert into sluice.result (id, attempt, state, started_at, error_class, error_message, body)
                select j.id, 1, '\(state)', clock_timestamp(), \(error), case when '\(state)' <> 'succeeded' then 'no' end,
                    case when '\(state)' = 'succeeded' then json_build_object('line', j.line) end
                from sluice.batch_jobs(\(batch)) j where \(condition);
                delete from sluice.ready r using sluice.result x where x.id = r.id
                """)
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func resultsAreWrittenInTheOrderOfTheLines() async throws {
        try await Corner.with { corner in
            let batch = try await corner.load(try corner.file(Corner.lines(3_000), "results.jsonl"))
            try await end(batch, corner, where: "line % 10 <> 0", as: "succeeded")
            try await end(batch, corner, where: "line % 20 = 0", as: "failed", error: "'invalid_request'")
            let (output, errors) = (corner.folder.path + "/out.jsonl", corner.folder.path + "/errors.jsonl")
            var files = try ResultFiles(output: output, errors: errors)
            let count = try await BatchResults(corner.queue, batch: batch).write(to: &files)
            #expect(!FileManager.default.fileExists(atPath: output))
            try files.finish()
            #expect(count.succeeded == 2_700 && count.failed == 150 && count.unfinished == 150)
            let answers = try lines(output)
            let expected = (1...3_000).filter { !$0.isMultiple(of: 10) }.map { #""custom_id": "id-\#($0 - 1)""# }
            #expect(answers.count == 2_700)
            #expect(zip(answers, expected).allSatisfy { $0.contains($1) && $0.hasPrefix(#"{"id": "batch_req_"#) })
            let failures = try lines(errors)
            #expect(failures.count == 150)
            #expect(failures.allSatisfy { $0.contains("invalid_request") && $0.contains(#""status_code": 400"#) })
        }
    }

    @Test func theUpstreamsErrorIsInTheErrorFile() async throws {
        try await Corner.with { corner in
            let batch = try await corner.load(try corner.file(Corner.lines(3), "refused.jsonl"))
            try await end(batch, corner, where: "true", as: "failed", error: "'invalid_request'")
            try await corner.connection.execute(
                script: """
                    update sluice.result r set body = case j.line
                        when 1 then '{"error": {"code": "context_length_exceeded", \n"message": "long"}}'
                        when 2 then '{"error": "no object"}' end::json
                    from sluice.batch_jobs(\(batch)) j where j.id = r.id
                    """)
            let errors = corner.folder.path + "/refused-errors.jsonl"
            var files = try ResultFiles(output: nil, errors: errors)
            _ = try await BatchResults(corner.queue, batch: batch).write(to: &files)
            try files.finish()
            let failures = try lines(errors)
            #expect(failures.count == 3)
            #expect(
                failures[0].contains(
                    #""body": {"error": {"code": "context_length_exceeded",  "message": "long"}}}, "error": null}"#))
            #expect(failures[1...].allSatisfy { $0.contains(#"{"error": {"code": "invalid_request""#) })
        }
    }

    @Test func noBatchHasNoResults() async throws {
        try await Corner.with { corner in
            var files = try ResultFiles(output: nil, errors: nil)
            let count = try await BatchResults(corner.queue, batch: 99_999).write(to: &files)
            #expect(count.total == 0)
        }
    }
}
