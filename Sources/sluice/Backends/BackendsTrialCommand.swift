import Domain
import ArgumentParser
import BackendHost

/// The child of a check: runs one trial of a backend and prints its finding as a line of JSON.
struct BackendsTrialCommand: AsyncParsableCommand, BackendHosting {
    static let configuration = CommandConfiguration(
        commandName: "trial", abstract: "Try one backend and print the finding.", shouldDisplay: false)

    @Argument(help: "The backend's file.")
    var path: String

    @Argument(help: "The configuration to try it with.")
    var config: String

    @Argument(help: "Calls of the longer trials.")
    var calls: Int

    @Argument(help: "How long it may take, in milliseconds; 0 leaves it to the trial.")
    var limit: Int

    @Argument(help: "The trial.")
    var trial: String

    func run() async throws {
        let folder = String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])
        let file = try BackendFile.verify(path: path, allowedDirectories: [folder])
        let check = BackendCheck(
            configuration: Array(config.utf8), calls: calls, timeLimit: limit > 0 ? .milliseconds(limit) : nil)
        guard let finding = await check.tryOut(trial, file) else {
            throw ValidationError("There is no trial \(trial).")
        }
        print(finding.line)
        // The backend's threads are not waited for.
        ProcessGuard.lookForLeaks()
        ProcessGuard.end(0)
    }
}
