import Domain
import ArgumentParser
import BackendHost
import Foundation
import Terminal

/// The child of a check: tries one backend and prints each finding as a line of JSON.
struct BackendsTrialCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trial", abstract: "Try one backend and print each finding.", shouldDisplay: false)

    @Argument(help: "The backend's file.")
    var path: String

    @Argument(help: "The configuration to try it with.")
    var config: String

    @Argument(help: "Calls of the longer trials.")
    var calls: Int

    func run() async throws {
        ProcessGuard.hardenForBackend()
        let folder = String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])
        let file = try BackendFile.verify(path: path, allowedDirectories: [folder])
        let check = BackendCheck(configuration: Array(config.utf8), calls: calls)
        _ = await check.run(file) { finding in
            let line: JSONOutput = [
                "name": .string(finding.name), "passed": .bool(finding.passed), "detail": .string(finding.detail),
            ]
            FileHandle.standardOutput.write(Data((line.text + "\n").utf8))
        }
        // The backend's threads are not waited for.
        ProcessGuard.end(0)
    }
}
