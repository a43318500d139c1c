import ArgumentParser
import BackendHost

/// The child of an inspection: loads one backend, prints one line, and ends.
///
/// Whatever the backend does to this process stays in it.
struct BackendsInspectCommand: ParsableCommand, BackendHosting {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Load one backend and print what it declares.", shouldDisplay: false)

    @Argument(help: "The backend's file.")
    var path: String

    func run() throws {
        print(BackendInspection.describe(path))
    }
}
