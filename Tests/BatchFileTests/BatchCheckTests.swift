import BatchFile
import Synchronization
import Testing

/// Files large enough for parts of them to be checked at the same time.
@Suite struct BatchCheckTests {
    private static func chat(_ id: String, model: String = "m", url: String = "chat/completions") -> String {
        let content = String(repeating: "x", count: 900)
        return
            #"{"custom_id":"\#(id)","method":"POST","url":"/v1/\#(url)","body":{"model":"\#(model)","prompt":"p","messages":[{"role":"user","content":"\#(content)"}]}}"#
    }

    /// The lines of a file of some 9 MiB: two parts.
    private static func lines() -> [String] { (0..<9_000).map { chat("id-\($0)", model: "m\($0 / 4_000)") } }

    private static func file(_ lines: [String], separator: String = "\n") throws -> (BatchFile, TemporaryFolder) {
        let folder = try TemporaryFolder()
        return (try BatchFile(path: folder.write(lines.joined(separator: separator).utf8)), folder)
    }

    @Test(arguments: ["\n", "\r\n", "\n\n \n"]) func partsAddUpToTheWhole(separator: String) async throws {
        let (file, _) = try Self.file(Self.lines(), separator: separator)
        let reports = Mutex<[Int64]>([])
        let summary = try await file.check { bytes in reports.withLock { $0.append(bytes) } }
        #expect(try summary == file.validate())
        #expect(summary.isValid && summary.lines == 9_000 && summary.models == ["m0": 4_000, "m1": 4_000, "m2": 1_000])
        reports.withLock { #expect($0 == $0.sorted() && ($0.last ?? 0) >= file.size) }
        var (requests, number) = (file.requests(at: summary.index), 0)
        while try requests.advance() {
            let request = requests.request
            #expect(request.customID == "id-\(number)" && request.model == "m\(number / 4_000)")
            number += 1
        }
        try requests.finish()
        #expect(number == 9_000)
    }

    @Test func aLineMayBeLongerThanAPart() async throws {
        var lines = Self.lines()
        lines[3] = lines[3].replacing("xxx", with: String(repeating: "y", count: 20_000), maxReplacements: 300)
        let (file, _) = try Self.file(lines)
        let summary = try await file.check()
        #expect(try summary.isValid && summary == file.validate())
    }

    @Test(arguments: [
        (8_000, chat("id-7"), BatchProblem.Code.duplicateCustomID), (8_000, "{", .invalidJSON),
        (2, "{", .invalidJSON), (8_999, chat("last", url: "completions"), .mismatchedURL),
        (0, chat("first", url: "completions"), .mismatchedURL),
    ])
    func whatIsWrongIsToldAsInOneReading(place: Int, line: String, code: BatchProblem.Code) async throws {
        var lines = Self.lines()
        lines[place] = line
        let (file, _) = try Self.file(lines)
        let summary = try await file.check()
        #expect(summary.problems.first?.code == code)
        #expect(try summary == file.validate())
    }

    @Test func limitsAreThoseOfTheWholeFile() async throws {
        let (whole, folder) = try Self.file(Self.lines())
        defer { withExtendedLifetime(folder) {} }
        var limits = BatchLimits()
        limits.maximumLines = 8_999
        #expect(try await BatchFile(path: whole.path, limits: limits).check().problems.map(\.code) == [.tooManyLines])
        limits = BatchLimits()
        limits.maximumModels = 2
        #expect(try await BatchFile(path: whole.path, limits: limits).check().problemCount == 1_000)
    }
}
