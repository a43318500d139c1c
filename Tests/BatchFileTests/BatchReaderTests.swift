import BatchFile
import Domain
import SystemPackage
import Testing

@Suite struct BatchReaderTests {
    private static func chat(_ id: String, model: String = "m", content: String = "hi") -> String {
        #"{"custom_id":"\#(id)","method":"POST","url":"/v1/chat/completions","body":{"model":"\#(model)","messages":[{"role":"user","content":"\#(content)"}]}}"#
    }

    private static func entries(_ content: some Collection<UInt8>, _ limits: BatchLimits = BatchLimits()) throws
        -> [BatchEntry]
    {
        let folder = try TemporaryFolder()
        let file = try BatchFile(path: folder.write(content), limits: limits)
        var reader = file.read()
        var entries: [BatchEntry] = []
        while let entry = try reader.next() { entries.append(entry) }
        let summary = try file.validate()
        #expect(summary.lines == entries.count { if case .line = $0 { true } else { false } })
        // The places the check found hold the same requests.
        var requests = file.requests(at: summary.index)
        var found: [BatchEntry] = []
        while try requests.advance() { found.append(.line(requests.request)) }
        try requests.finish()
        #expect(found == entries.filter { if case .line = $0 { true } else { false } })
        return entries
    }

    private static func problems(_ content: String, _ limits: BatchLimits = BatchLimits()) throws -> [BatchProblem] {
        try entries(content.utf8, limits).compactMap { if case .problem(let problem) = $0 { problem } else { nil } }
    }

    private static func lines(_ content: String, _ limits: BatchLimits = BatchLimits()) throws -> [BatchLine] {
        try entries(content.utf8, limits).compactMap { if case .line(let line) = $0 { line } else { nil } }
    }

    @Test func readsRequestsAsTheyStand() throws {
        let body = #"{"messages" : [1], "model":"gr\u00f6\u00dfe"}"#
        let lines = try Self.lines(
            "\n" + #"{"body":\#(body),"url":"\/v1\/chat\/completions","method":"POST","custom_id":"a\n\"1"}"#
                + "\r\n \t\n" + Self.chat("b")
        )
        #expect(lines.map(\.number) == [2, 4])
        #expect(lines.map(\.customID) == ["a\n\"1", "b"])
        #expect(lines.map(\.model) == ["größe", "m"])
        #expect(lines.map(\.kind) == [.chat, .chat])
        #expect(lines.first.map { String(decoding: $0.body, as: UTF8.self) } == body)
    }

    @Test func passesOverRequestsThatAreNotWanted() throws {
        let folder = try TemporaryFolder()
        // Several blocks of the file, and lines across their borders.
        let content = (0..<4_000).map { Self.chat("id-\($0)", content: String(repeating: "x", count: 300)) }
        let file = try BatchFile(path: folder.write(content.joined(separator: "\n").utf8))
        let summary = try file.validate()
        var requests = file.requests(at: summary.index)
        requests.skip(to: 3_990)
        #expect(try requests.advance())
        #expect(requests.request.customID == "id-3990" && requests.count == 3_991)
        requests.skip(to: 9_000)
        #expect(try !requests.advance())
        try requests.finish()
    }

    @Test func aFileThatChangedIsNotReadAgain() throws {
        let folder = try TemporaryFolder()
        let content = (0..<4_000).map { Self.chat("id-\($0)", content: String(repeating: "x", count: 300)) }
        let path = try folder.write(content.joined(separator: "\n").utf8)
        let file = try BatchFile(path: path)
        let summary = try file.validate()
        let size = file.size
        func readable(after change: (FileDescriptor) throws -> Void) throws -> Int? {
            let writer = try FileDescriptor.open(FilePath(path), .readWrite)
            try writer.closeAfter { try change(writer) }
            var requests = file.requests(at: summary.index)
            do throws(BatchFileError) {
                while try requests.advance() {}
                try requests.finish()
                return nil
            } catch {
                #expect(error.code == .changed)
                return requests.count
            }
        }
        #expect(try readable { _ in } == nil)
        // Nothing of the block that changed is used, and what comes before it is what it was.
        let read = try #require(try readable { _ = try $0.writeAll(toAbsoluteOffset: size - 10, "y".utf8) })
        #expect(read > 1_000 && read < 4_000)
        #expect(try readable { _ = try $0.writeAll(toAbsoluteOffset: size - 10, "x".utf8) } == nil)
        #expect(try readable { try $0.resize(to: size / 2) } != nil)
        #expect(try readable { try $0.resize(to: 0) } == 1)
    }

    @Test func readsEveryKind() throws {
        let completion = #"{"custom_id":"1","method":"POST","url":"/v1/completions","body":{"model":"m","prompt":"x"}}"#
        let embedding = #"{"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":["x"]}}"#
        #expect(try Self.lines(completion).map(\.kind) == [.completion])
        #expect(try Self.lines(embedding).map(\.kind) == [.embedding])
        let response = #"{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"model":"m","input":"x"}}"#
        #expect(try Self.lines(response).map(\.kind) == [.response])
    }

    @Test(arguments: [
        ("{", BatchProblem.Code.invalidJSON), ("[]", .invalidJSON), ("7", .invalidJSON), ("not json", .invalidJSON),
        (#"{"custom_id":"a","custom_id":"b"}"#, .invalidJSON), ("{\"custom_id\":\"a\u{0}\"}", .invalidJSON),
        ("{}", .invalidCustomID), (#"{"custom_id":1}"#, .invalidCustomID), (#"{"custom_id":""}"#, .invalidCustomID),
        (#"{"custom_id":"\#(String(repeating: "x", count: 513))"}"#, .invalidCustomID),
        (#"{"custom_id":"a\u0000"}"#, .nulCharacter), (#"{"custom_id":"a","x":"\u0000"}"#, .nulCharacter),
        (#"{"custom_id":"a"}"#, .invalidMethod), (#"{"custom_id":"a","method":"post"}"#, .invalidMethod),
        (#"{"custom_id":"a","method":"GET"}"#, .invalidMethod), (#"{"custom_id":"a","method":"POST"}"#, .invalidURL),
        (#"{"custom_id":"a","method":"POST","url":"/v1/images"}"#, .invalidURL),
        (#"{"custom_id":"a","method":"POST","url":["/v1/embeddings"]}"#, .invalidURL),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings"}"#, .invalidBody),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":"x"}"#, .invalidBody),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}"#, .invalidModel),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":""}}"#, .invalidModel),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":null}}"#, .invalidModel),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m"}}"#, .invalidBody),
        (#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":[ ]}}"#, .invalidBody),
        (#"{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"m","prompt":""}}"#, .invalidBody),
        (#"{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"m","input":"x"}}"#, .invalidBody),
        (
            #"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}"#,
            .invalidBody
        ),
        (
            #"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":{}}}"#,
            .invalidBody
        ),
        (
            #"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","prompt":"x"}}"#,
            .invalidBody
        ),
    ])
    func refusesALine(line: String, code: BatchProblem.Code) throws {
        let problems = try Self.problems(line)
        #expect(problems.map(\.code) == [code])
        #expect(problems.first?.message.hasSuffix(".") == true)
    }

    @Test func goesOnAfterEachProblem() throws {
        let content = [
            Self.chat("a"), "{", Self.chat("a"), Self.chat("b"), #"{"custom_id":"c","method":"PUT"}"#,
            Self.chat(#"\u0061"#),
        ]
        let problems = try Self.problems(content.joined(separator: "\n"))
        #expect(problems.map(\.line) == [2, 3, 5, 6])
        #expect(problems.map(\.code) == [.invalidJSON, .duplicateCustomID, .invalidMethod, .duplicateCustomID])
        #expect(problems.map(\.customID) == [nil, "a", "c", "a"])
        #expect(problems.last?.message == "`custom_id` is the same as on line 1.")
    }

    @Test func theFirstURLIsTheFiles() throws {
        let other = #"{"custom_id":"z","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"x"}}"#
        let problems = try Self.problems([Self.chat("a"), other].joined(separator: "\n"))
        #expect(problems.map(\.code) == [.mismatchedURL])
        #expect(problems.first?.message == #"`url` is "/v1/embeddings", but line 1 began with "/v1/chat/completions"."#)
    }

    @Test func acceptsAByteOrderMarkOnTheFirstLineOnly() throws {
        #expect(try Self.lines("\u{FEFF}" + Self.chat("a") + "\r\n").count == 1)
        #expect(try Self.problems(Self.chat("a") + "\n\u{FEFF}" + Self.chat("b")).map(\.code) == [.invalidJSON])
    }

    @Test(arguments: ["", "\n\n", "\u{FEFF}\n", " \r\n\t"])
    func aFileWithoutRequestsIsInvalid(content: String) throws {
        let folder = try TemporaryFolder()
        let summary = try BatchFile(path: folder.write(content.utf8)).validate()
        #expect(!summary.isValid && summary.problems.map(\.code) == [.emptyFile])
    }

    @Test func skipsLinesThatAreTooLong() throws {
        var limits = BatchLimits()
        limits.maximumLineBytes = 200
        let fits = Self.chat(
            "fits", content: String(repeating: "x", count: 200 - Self.chat("fits", content: "").utf8.count))
        let long = Self.chat("long", content: String(repeating: "x", count: 5_000_000))
        let entries = try Self.entries(
            [fits, long, Self.chat("b"), fits + "y", long].joined(separator: "\n").utf8, limits)
        #expect(
            entries.map {
                switch $0 {
                case .line(let line): "\(line.number) \(line.customID)"
                case .problem(let problem): "\(problem.line) \(problem.code)"
                }
            } == ["1 fits", "2 lineTooLong", "3 b", "4 lineTooLong", "5 lineTooLong"]
        )
    }

    @Test func readsLinesLargerThanItsBuffer() throws {
        let large = (0..<4).map { Self.chat("l\($0)", content: String(repeating: "y", count: 3_000_000 + $0)) }
        let lines = try Self.lines((large + [Self.chat("s")]).joined(separator: "\n"))
        #expect(lines.map(\.customID) == ["l0", "l1", "l2", "l3", "s"])
        #expect(lines.map(\.body.count).sorted(by: >).first.map { $0 > 3_000_000 } == true)
    }

    /// Lines of all lengths meet the buffer's end at all places.
    @Test func linesSurviveTheBuffersEdge() throws {
        let expected = (0..<9_000).map { ("id-\($0)", String(repeating: "z", count: ($0 * 37) % 511)) }
        let lines = try Self.lines(expected.map { Self.chat($0.0, content: $0.1) }.joined(separator: "\n"))
        #expect(lines.map(\.customID) == expected.map(\.0))
        let matches = zip(lines, expected).allSatisfy { line, expected in
            String(decoding: line.body, as: UTF8.self).contains(#""content":"\#(expected.1)""#)
        }
        #expect(matches)
    }

    @Test func stopsAtTheLineLimit() throws {
        var limits = BatchLimits()
        limits.maximumLines = 3
        let three = (0..<3).map { Self.chat("\($0)") }.joined(separator: "\n\n")
        #expect(try Self.problems(three + "\n\n", limits).isEmpty)
        #expect(try Self.problems(three + "\n{\n{\n", limits).map(\.code) == [.tooManyLines])
    }

    @Test func boundsTheModelsAndListedProblems() throws {
        var limits = BatchLimits()
        limits.maximumModels = 2
        limits.maximumListedProblems = 3
        let folder = try TemporaryFolder()
        let content = (0..<10).map { Self.chat("\($0)", model: "m\($0 % 4)") }.joined(separator: "\n")
        let summary = try BatchFile(path: folder.write(content.utf8), limits: limits).validate()
        #expect(summary.models == ["m0": 3, "m1": 3])
        #expect(summary.lines == 6 && summary.problemCount == 4 && summary.problems.count == 3)
        #expect(summary.problems.allSatisfy { $0.code == .tooManyModels })
    }

    @Test func summarisesTheFile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("abc".utf8, to: "abc")
        let abc = try BatchFile(path: path).validate()
        // Of the one block it has.
        #expect(abc.index.digest == "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358")
        var reports: [Int64] = []
        let content = (0..<20_000).map { Self.chat("\($0)", model: $0 % 3 == 0 ? "a" : "b") }.joined(separator: "\n")
        let summary = try BatchFile(path: folder.write(content.utf8)).validate { reports.append($0) }
        #expect(summary.isValid && summary.kind == .chat && summary.bytes == Int64(content.utf8.count))
        #expect(summary.models == ["a": 6_667, "b": 13_333])
        #expect(reports == reports.sorted() && reports.last == summary.bytes)
    }
}
