import BackendHost
import FoundationEssentials
import Testing

/// Each trial runs in a process of `sluice`, which the same build makes. One after the other: the trials have limits of time,
/// which dozens of them at once would use up waiting for each other.
@Suite(.serialized) struct BackendCheckTests {
    /// Longer than the slowest machine takes for what does not hang.
    private static let patience = Duration.seconds(300)

    private func check(_ file: BackendFile, _ check: BackendCheck) async throws -> [BackendFinding] {
        let limit = check.timeLimit.map {
            $0.components.seconds * 1_000 + $0.components.attoseconds / 1_000_000_000_000_000
        }
        return await check.run(
            file,
            command: [
                BackendProducts.directory + "/sluice", "backends", "trial", file.path,
                String(decoding: check.configuration, as: UTF8.self), "\(check.calls)", "\(limit ?? 0)",
            ])
    }

    @Test(arguments: ["mock", "ExampleC"]) func theBackendsOfThePackagePass(name: String) async throws {
        let findings = try await check(
            try BackendProducts.file(name), BackendCheck(calls: 1_000, timeLimit: Self.patience))
        #expect(findings.filter { !$0.passed } == [])
        #expect(findings.map(\.check) == BackendTrial.catalogue.map(\.name))
    }

    @Test func aMockThatWaitsPassesToo() async throws {
        let settings = BackendCheck(
            configuration: Array("{\"latency_ms\":1}".utf8), calls: 300, timeLimit: Self.patience)
        #expect(try await check(try BackendProducts.file("mock"), settings).filter { !$0.passed } == [])
    }

    @Test func theBrokenBackendIsSoundWhenNothingIsBroken() async throws {
        let findings = try await check(
            try await BackendProducts.broken(), BackendCheck(calls: 1_000, timeLimit: Self.patience))
        #expect(findings.filter { !$0.passed } == [])
    }

    @Test(arguments: BrokenSentence.all) func everyCheckCanFail(_ broken: BrokenSentence) async throws {
        var settings = BackendCheck(calls: 2_000, timeLimit: Self.patience)
        if broken.hangs { settings.timeLimit = .milliseconds(1_500) }
        settings.only = [broken.check]
        let findings = try await check(try await BackendProducts.broken(broken.definition), settings)
        #expect(findings.map(\.check) == [broken.check])
        #expect(findings.first?.passed == false, "\(findings)")
        #expect(findings.first?.rule == broken.rule.rawValue, "\(findings)")
    }

    @Test func thereIsABrokenBackendForEveryCheckAndEverySentence() {
        #expect(Set(BrokenSentence.all.map(\.check)) == Set(BackendTrial.catalogue.map(\.name)))
        #expect(Set(BrokenSentence.all.map(\.rule)) == Set(HeaderRule.allCases))
        #expect(Set(BrokenSentence.all.map(\.definition)).count == BrokenSentence.all.count)
    }

    /// Comments are read as running text: line ends and the stars before lines count as a space.
    @Test func everySentenceIsInTheHeader() throws {
        let url = URL(filePath: TemporaryFolder.headerFolder + "/sluice_backend.h")
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace).filter { !["*", "/*", "*/"].contains($0) }
        let running = words.joined(separator: " ")
        for rule in HeaderRule.allCases { #expect(running.contains(rule.rawValue), "\(rule)") }
    }

    @Test(arguments: [
        ("double_final", "double-final"), ("late_chunk", "double-final"), ("garbage", "answers"), ("leak", "growth"),
    ])
    func aFaultOfTheMockIsFound(fault: String, name: String) async throws {
        var settings = BackendCheck(
            configuration: Array("{\"faults\":{\"\(fault)\":1}}".utf8), calls: 300, timeLimit: Self.patience)
        settings.only = [name]
        let failed = try await check(try BackendProducts.file("mock"), settings).filter { !$0.passed }
        #expect(failed.map(\.check) == [name])
    }

    @Test func whatDoesNotLoadOrStartIsNotTriedAnyFurther() async throws {
        let unloadable = try await check(try await BackendProducts.broken("MAJOR=9"), BackendCheck())
        #expect(unloadable.map(\.check) == ["exports", "loads"])
        #expect(unloadable.last?.detail.contains("backend_abi 9.1") == true)
        #expect(unloadable.last?.detail.contains("host_abi 1.") == true)
        let unstartable = try await check(try await BackendProducts.broken("UNWELL"), BackendCheck())
        #expect(unstartable.last?.check == "starts" && unstartable.last?.passed == false)
    }

    @Test func aHangIsFoundInBoundedTime() async throws {
        var settings = BackendCheck(
            configuration: Array("{\"faults\":{\"hang\":1}}".utf8), calls: 10, timeLimit: .milliseconds(300))
        settings.only = ["final-never"]
        let findings = try await check(try BackendProducts.file("mock"), settings)
        #expect(findings.map(\.rule) == [HeaderRule.finalDue.rawValue])
        // By itself, or by its parent when the machine is too busy even for that.
        let detail = findings.first?.detail ?? ""
        #expect(detail.contains("did not end in 0.3 seconds") || detail.hasPrefix("hung"), "\(detail)")
        #expect(settings.longest == .milliseconds(5_300))
    }
}
