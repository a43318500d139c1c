import FoundationEssentials
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What the article on the HTTP API tells people to type.
@Suite(.timeLimit(.minutes(10)))
struct HTTPAPITests {
    /// The commands of the article, in their order: what its blocks marked `sh` hold.
    private static func commands() throws -> String {
        let article = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("Sources/Gateway/Gateway.docc/HTTPAPI.md")
        var commands: [Substring] = []
        var isCommand = false
        for line in try String(contentsOfFile: article.string, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("```") { isCommand = line == "```sh" } else if isCommand { commands.append(line) }
        }
        return commands.joined(separator: "\n")
    }

    @Test(.database(migrated: true)) func `every command of the article can be typed`() async throws {
        try await RunningQueue.with { queue in
            try await queue.queue.putModel("demo")
            try await queue.queue.putDeployment(DeploymentRequest(model: "demo", name: "demo-1", backend: "mock"))
            let commands = try Self.commands()
            #expect(commands.split(separator: "\n").count > 50)
            let sluice = try Products.path(of: "sluice")
            let script = """
                sluice() { '\(sluice)' "$@"; }
                curl() { command curl -sS --fail-with-body "$@"; }
                \(commands.replacing("http://127.0.0.1:8080", with: queue.gateway))
                """
            let result = try await TemporaryFolder.with { folder in
                try await Subprocess.run(
                    .name("timeout"), arguments: ["300", "bash", "-euo", "pipefail", "-xc", script],
                    environment: RunningQueue.environment.updating(["SLUICE_DATABASE_URL": queue.url]),
                    workingDirectory: FilePath(folder.path), input: .none, output: .string(limit: 4 << 20),
                    error: .string(limit: 4 << 20))
            }
            #expect(
                result.terminationStatus.isSuccess,
                "\(result.standardOutput.suffix(2_000))\n\(result.standardError.suffix(4_000))")
        }
    }
}
