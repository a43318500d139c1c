import BackendHost
import Testing

@Suite(.serialized) struct BackendCheckTests {
    @Test(arguments: ["mock", "ExampleC"]) func theBackendsOfThePackagePass(name: String) async throws {
        let findings = await BackendCheck(calls: 500).run(try BackendProducts.file(name))
        #expect(findings.filter { !$0.passed } == [])
        #expect(findings.count >= 11)
    }

    @Test func aMockThatWaitsPassesToo() async throws {
        let check = BackendCheck(configuration: Array("{\"latency_ms\":1}".utf8), calls: 300)
        #expect(await check.run(try BackendProducts.file("mock")).filter { !$0.passed } == [])
    }

    @Test(arguments: [
        ("double_final", "once"), ("late_chunk", "once"), ("garbage", "once"), ("leak", "grow"),
    ])
    func aFaultIsFound(fault: String, finding: String) async throws {
        let check = BackendCheck(configuration: Array("{\"faults\":{\"\(fault)\":1}}".utf8), calls: 300)
        let failed = await check.run(try BackendProducts.file("mock")).filter { !$0.passed }
        #expect(failed.contains { $0.name.contains(finding) }, "\(failed)")
    }

    @Test func aHangIsFoundInBoundedTime() async throws {
        let check = BackendCheck(
            configuration: Array("{\"faults\":{\"hang\":1}}".utf8),
            calls: 10,
            timeLimit: .milliseconds(300)
        )
        let findings = await check.run(try BackendProducts.file("mock"))
        #expect(findings.last?.passed == false)
        #expect(findings.last?.detail == "did not end in time")
    }

    @Test func aBadBackendFailsWhatItBreaks() async throws {
        let findings = await BackendCheck(calls: 500).run(try await BackendProducts.puppet("LEAK"))
        let failed = findings.filter { !$0.passed }.map(\.name)
        #expect(failed.contains("refuses bodies it cannot read as invalid_request"))
        #expect(failed.contains("refuses kinds it does not offer as unsupported"))
        #expect(failed.contains("reports health and statistics as JSON objects"))
        #expect(failed.contains("does not grow with the number of calls"))
    }

    @Test func whatCannotBeLoadedGetsOneFinding() async throws {
        let findings = await BackendCheck().run(try await BackendProducts.puppet("NO_ENTRY"))
        #expect(findings.filter(\.passed) == [])
    }
}
