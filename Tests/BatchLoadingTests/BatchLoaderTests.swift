import BatchFile
import BatchLoading
import Domain
import FoundationEssentials
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true), .timeLimit(.minutes(10)))
struct BatchLoaderTests {
    @Test func everyLineIsQueuedInItsOrder() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Corner.lines(4_321), "order.jsonl")
            var seen: [Int32] = []
            let batch = try await corner.load(file) { if case .loaded(let count) = $0 { seen.append(count) } }
            #expect(try await corner.customIDs(of: batch) == (0..<4_321).map { "id-\($0)" })
            #expect(seen == [1_000, 2_000, 3_000, 4_000, 4_321])
            let progress = try #require(try await corner.queue.progress(of: batch))
            #expect(progress.loaded == 4_321 && progress.state == .running)
            let ready = "select count(*) from sluice.ready where batch_id = \(batch)"
            #expect(try await corner.count(ready) == 4_321)
            #expect(try await corner.violations().isEmpty)
        }
    }

    @Test func keysOfAModelAreAStepApart() async throws {
        try await Corner.with { corner in
            let batch = try await corner.load(try corner.file(Corner.lines(999), "keys.jsonl"))
            let gaps = """
                select count(distinct gap) from (
                    select key - lag(key) over (partition by model_id order by id) as gap
                    from sluice.job where batch_id = \(batch)) g where gap is not null
                """
            #expect(try await corner.count(gaps) == 1)
        }
    }

    @Test func keysOfALongBatchRiseToItsEndAndThoseOfTheNextDoNotStayBehindIt() async throws {
        try await Corner.with { corner in
            // More jobs than a tenant's other jobs may be ahead of the virtual time.
            let lead = try await corner.count("select value from sluice.setting where name = 'fair_lead_max'")
            let count = Int(lead) + 4_000
            // A tenant of its own: every burst of a tenant pulls its register back.
            _ = try await corner.count("select sluice.put_tenant('long')::bigint")
            func loader(_ name: String) -> BatchLoader {
                var options = BatchLoader.Options(name: name)
                (options.tenant, options.chunkLines) = ("long", 2_000)
                return BatchLoader(corner.connection, second: corner.second, options: options)
            }
            let batch = try await corner.load(try corner.file(Corner.lines(count), "long.jsonl"), loader("long"))
            let falls = """
                select count(*) from (
                    select key - lag(key) over (partition by model_id order by id) as gap
                    from sluice.job where batch_id = \(batch)) g where gap <= 0
                """
            #expect(try await corner.count(falls) == 0)
            // The tenant's next batch begins as any burst does: had the long one been cancelled, it would cost nothing.
            let next = try await corner.load(try corner.file(Corner.lines(10), "next.jsonl"), loader("next"))
            let first = "select min(key) / sluice.key_step(100) from sluice.job where batch_id = \(next)"
            #expect(try await corner.count(first) <= lead + 1)
        }
    }

    @Test func textThatCopyEscapesArrivesAsItWas() async throws {
        try await Corner.with { corner in
            let content = #"tab\there, line\nbreak, back\\slash, quote\", nothing \\N, 🙂 and \u00e9"#
            let body = #"{"model": "alpha",\#t"messages": [{"role": "user", "content": "\#(content)"}]}"#
            let line =
                #"{"custom_id": "a\tb\\n\\N", "method": "POST", "url": "/v1/chat/completions", "body": \#(body)}"#
            let batch = try await corner.load(try corner.file([line], "escapes.jsonl"))
            #expect(try await corner.customIDs(of: batch) == ["a\tb\\n\\N"])
            let id = try await corner.count("select id from sluice.job where batch_id = \(batch)")
            #expect(try await corner.queue.payload(of: id) == Array(body.utf8))
        }
    }

    @Test func oneConnectionIsEnough() async throws {
        try await Corner.with { corner in
            var options = BatchLoader.Options(name: "single")
            options.chunkLines = 100
            let loader = BatchLoader(corner.connection, options: options)
            let batch = try await corner.load(try corner.file(Corner.lines(950), "single.jsonl"), loader)
            #expect(try await corner.customIDs(of: batch).count == 950)
        }
    }

    @Test func loadingGoesOnWhereItWasInterrupted() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Corner.lines(5_000), "resume.jsonl")
            let loader = corner.loader()
            let summary = try await loader.check(file)
            let server = try await Connection.connect(corner.connection.configuration, logger: Corner.logger)
            defer { server.close() }
            let sessions = [corner.connection, corner.second].map(\.backendProcessID)
            let (cut, cutter) = AsyncStream.makeStream(of: Void.self)
            await #expect(throws: (any Error).self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await _ in cut { break }
                        // As if the process had been killed: both of its sessions end, whatever they are at.
                        try await server.execute(
                            script: """
                                select pg_terminate_backend(\(sessions[0])), pg_terminate_backend(\(sessions[1]))
                                """)
                    }
                    group.addTask {
                        _ = try await loader.load(file, summary) {
                            if case .loaded(let count) = $0, count >= 2_000 { cutter.yield() }
                        }
                        // It was faster than the end of its sessions: as good.
                        throw CancellationError()
                    }
                    defer { cutter.finish() }
                    try await group.waitForAll()
                }
            }
            try await Corner.with { again in
                var resumed = false
                let batch = try await again.load(file) { if case .opened(_, _, true) = $0 { resumed = true } }
                #expect(resumed)
                #expect(try await again.customIDs(of: batch) == (0..<5_000).map { "id-\($0)" })
                #expect(try await again.violations().isEmpty)
            }
        }
    }

    @Test func twoLoadersOfOneFileHelpEachOther() async throws {
        try await Corner.with { first in
            try await Corner.with { second in
                let file = try first.file(Corner.lines(6_000), "two.jsonl")
                async let one = first.load(file, first.loader(lines: 500))
                async let other = second.load(file, second.loader(lines: 700))
                let batches = try await [one, other]
                #expect(batches[0] == batches[1])
                #expect(try await first.customIDs(of: batches[0]) == (0..<6_000).map { "id-\($0)" })
                #expect(try await first.violations().isEmpty)
            }
        }
    }

    @Test func aSecondSubmissionOfAnUnfinishedBatchIsTheSame() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Corner.lines(50), "again.jsonl")
            let first = try await corner.load(file)
            #expect(try await corner.load(file) == first)
            var urgent = BatchLoader.Options(name: "urgent")
            urgent.priority = .interactive
            #expect(try await corner.load(file, BatchLoader(corner.connection, options: urgent)) != first)
        }
    }
}
