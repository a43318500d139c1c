import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What there is, at one time and as it changes.
@Suite(.timeLimit(.minutes(10))) struct StatusTests {
    @Test(.database(migrated: true)) func `status and top show the same parts`() async throws {
        let url = try TestDatabase.current.url
        let parts = [
            "\"deployments\"", "\"traffic\"", "\"scaling\"", "\"hosts\"", "\"workers\"", "\"batches\"", "\"decisions\"",
        ]
        let put = try await RunningQueue.sluice(
            ["deploy", "echo", "echo-1", "--backend", "mock", "--skip-inspection", "--database-url", url])
        #expect(put.status == 0, "\(put)")
        let status = try await RunningQueue.sluice(["status", "--json", "--database-url", url])
        #expect(status.status == 0 && parts.allSatisfy(status.output.contains), "\(status)")
        #expect(status.output.contains("\"put_deployment\"") && status.output.contains("\"breaker\""), "\(status)")

        let top = Configuration(
            executable: .path(FilePath(try Products.path(of: "sluice"))),
            arguments: ["top", "--json", "--database-url", url],
            environment: RunningQueue.environment)
        let looks = try await Subprocess.run(top, input: .none, output: .sequence, error: .discarded) { execution in
            var said: [UInt8] = []
            for try await buffer in execution.standardOutput {
                buffer.withUnsafeBytes { said.append(contentsOf: $0) }
                if said.count(where: { $0 == 0x0A }) >= 2 { break }
            }
            await execution.teardown(using: [.send(signal: .interrupt, allowedDurationToNextStep: .seconds(60))])
            return String(decoding: said, as: UTF8.self).split(separator: "\n").prefix(2).map(String.init)
        }.closureResult
        #expect(looks.count == 2 && looks.allSatisfy { look in parts.allSatisfy(look.contains) }, "\(looks)")
    }
}
