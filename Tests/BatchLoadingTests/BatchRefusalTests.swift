import BatchFile
import BatchLoading
import FoundationEssentials
import Queue
import SystemPackage
import TestSupport
import Testing

@Suite(.database(migrated: true), .timeLimit(.minutes(10)))
struct BatchRefusalTests {
    private static let bad: [String] = [
        Corner.line("good-1"),
        #"{"custom_id": "x", "method": "POST""#,
        Corner.line("good-1"),
        Corner.line("nul", content: #"a\u0000b"#),
        #"{"custom_id": "y", "method": "GET", "url": "/v1/chat/completions", "body": {}}"#,
        #"{"custom_id": "z", "method": "POST", "url": "/v1/images", "body": {}}"#,
        Corner.line("good-2"),
    ]

    @Test func aBadFileIsRefusedWithEveryProblem() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Self.bad)
            let loader = corner.loader("refused")
            let summary = try await loader.check(file)
            #expect(summary.problems.map(\.line) == [2, 3, 4, 5, 6])
            #expect(
                summary.problems.map(\.code)
                    == [.invalidJSON, .duplicateCustomID, .nulCharacter, .invalidMethod, .invalidURL])
            let error = await #expect(throws: BatchLoadingError.self) { try await loader.load(file, summary) }
            #expect(error?.code == .invalidLines)
            #expect(try await corner.count("select count(*) from sluice.batch where name = 'refused'") == 0)
        }
    }

    @Test func badLinesAreSkippedWhenAskedTo() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Self.bad, "skip.jsonl")
            let batch = try await corner.load(file, corner.loader(skipsInvalid: true))
            #expect(try await corner.customIDs(of: batch) == ["good-1", "good-2"])
            var files = try ResultFiles(output: nil, errors: corner.folder.path + "/errors.jsonl")
            try files.append(problemsOf: file)
            try files.finish()
            let errors = try String(contentsOfFile: corner.folder.path + "/errors.jsonl", encoding: .utf8)
            #expect(errors.split(separator: "\n").count == 5)
            #expect(errors.contains("duplicate_custom_id"))
        }
    }

    @Test func lineTooLongIsAProblemAndTheOthersAreRead() async throws {
        try await Corner.with { corner in
            let huge = Corner.line("huge", content: String(repeating: "x", count: 9 << 20))
            let file = try corner.file([huge, Corner.line("small")], "huge.jsonl")
            let summary = try await corner.loader().check(file)
            #expect(summary.problems.map(\.code) == [.lineTooLong])
            #expect(summary.lines == 1)
        }
    }

    @Test func linesOfSevenMegabytesAreLoaded() async throws {
        try await Corner.with { corner in
            let large = (0..<4).map { Corner.line("large-\($0)", content: String(repeating: "x", count: 7 << 20)) }
            let batch = try await corner.load(try corner.file(large, "large.jsonl"))
            #expect(try await corner.customIDs(of: batch).count == 4)
        }
    }

    @Test func unknownModelsAreNamed() async throws {
        try await Corner.with { corner in
            let file = try corner.file([Corner.line("a"), Corner.line("b", model: "gamma")], "unknown.jsonl")
            let error = await #expect(throws: BatchLoadingError.self) { try await corner.load(file) }
            #expect(error?.code == .unknownModels)
            #expect(error?.message.contains("\"gamma\"") == true)
            #expect(error?.hint?.contains("alpha, beta") == true)
        }
    }

    @Test func aFileThatChangedIsNotLoadedToItsEnd() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Corner.lines(3_000), "changed.jsonl")
            let loader = corner.loader("changed")
            let summary = try await loader.check(file)
            // The file is open: what it says is changed under it.
            let writer = try FileDescriptor.open(FilePath(corner.folder.path + "/changed.jsonl"), .writeOnly)
            try writer.closeAfter { _ = try writer.writeAll(#"{"custom_id": "XX"#.utf8) }
            let error = await #expect(throws: BatchLoadingError.self) { try await loader.load(file, summary) }
            #expect(error?.code == .fileChanged)
            let state =
                "select count(*) from sluice.batch where name = 'changed' and state in ('cancelling', 'cancelled')"
            #expect(try await corner.count(state) == 1)
            let ready = """
                select count(*) from sluice.ready r join sluice.batch b on b.id = r.batch_id where b.name = 'changed'
                """
            #expect(try await corner.count(ready) == 0)
        }
    }

    @Test func aFileThatChangesWhileItIsLoadedCancelsItsBatch() async throws {
        try await Corner.with { corner in
            let content = String(repeating: "x", count: 1_000)
            let file = try corner.file((0..<2_000).map { Corner.line("id-\($0)", content: content) }, "changing.jsonl")
            let loader = corner.loader("changing", lines: 100)
            let summary = try await loader.check(file)
            let writer = try FileDescriptor.open(FilePath(corner.folder.path + "/changing.jsonl"), .writeOnly)
            try writer.closeAfter { _ = try writer.writeAll(toAbsoluteOffset: file.size - 100, "y".utf8) }
            let error = await #expect(throws: BatchLoadingError.self) { try await loader.load(file, summary) }
            #expect(error?.code == .fileChanged)
            let batch = "from sluice.batch where name = 'changing' and state in ('cancelling', 'cancelled')"
            let loaded = try await corner.count("select loaded \(batch)")
            #expect(loaded > 0 && loaded < 2_000)
        }
    }
}
