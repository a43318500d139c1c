import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// A gateway under measurement, a process of its own.
struct GatewayProcess: Sendable {
    /// `http://HOST:PORT`.
    let url: String
    /// A key it lets in.
    let key: String
    let processID: Int32

    /// How much memory it has resident, bytes.
    func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8)
        let words = text.split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else { throw BenchFailure("the gateway is gone") }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

extension BenchDatabase {
    /// Runs a gateway beside `body`.
    func withGateway<T: Sendable>(_ body: @Sendable @escaping (GatewayProcess) async throws -> T) async throws -> T {
        let key = "sk-bench"
        _ = try await number(
            "bench_key", "select sluice.create_key('default', 'bench', 'sk-bench', sha256('\(key)'))::float8")
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
        ]
        let teardown = options.teardownSequence
        let configuration = Configuration(
            executable: .path(FilePath(laboratory.executable)), arguments: ["gateway", "--port", "0", "--json"],
            environment: .inherit.updating(["SLUICE_DATABASE_URL": url, "SLUICE_LOG_LEVEL": "warning"]),
            platformOptions: options)
        let outcome = try await run(configuration, input: .none, output: .sequence, error: .discarded) { execution in
            var said = execution.standardOutput.makeAsyncIterator()
            guard let line = try await said.next() else { throw BenchFailure("the gateway did not come up") }
            let words = try line.withUnsafeBytes { try JSONDecoder().decode(Words.self, from: Data($0)) }
            let gateway = GatewayProcess(
                url: words.url, key: key, processID: execution.processIdentifier.value)
            let result = try await body(gateway)
            await execution.teardown(using: teardown)
            return result
        }
        return outcome.closureResult
    }

    private struct Words: Decodable { var url: String }
}
