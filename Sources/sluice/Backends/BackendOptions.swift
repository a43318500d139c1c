import ArgumentParser
import BackendHost

/// Where backends may be loaded from.
struct BackendOptions: ParsableArguments {
    @Option(
        name: .customLong("backends"),
        help: ArgumentHelp(
            "A directory backends may be loaded from; repeat it for more.",
            discussion: "Default: SLUICE_BACKENDS, separated by colons; else lib/sluice/backends beside the folder of "
                + "this program, and that folder itself.",
            valueName: "dir"),
        completion: .directory)
    var given: [String] = []

    /// The directories, in the order they are searched.
    var directories: [String] {
        if !given.isEmpty { return given }
        if let variable = ProcessEnvironment.variable("SLUICE_BACKENDS") {
            return variable.split(separator: ":").map(String.init)
        }
        guard let program = ProcessEnvironment.program, let slash = program.lastIndex(of: "/") else { return [] }
        let folder = String(program[..<slash])
        return [folder + "/../lib/sluice/backends", folder]
    }

    /// Finds, verifies and inspects the backend called `name`, which may be a path.
    ///
    /// - Throws: `BackendError`.
    func inspect(_ name: String) async throws(BackendError) -> BackendInspection {
        let file = try verify(name)
        return try await BackendInspection.run(
            file, command: ["/proc/self/exe", "backends", "inspect", file.path])
    }

    /// Finds and verifies the file of the backend called `name`, which may be a path.
    ///
    /// - Throws: `BackendError`.
    func verify(_ name: String) throws(BackendError) -> BackendFile {
        let path = try BackendFile.locate(name, in: directories)
        // A path somebody typed names its own directory.
        let allowed = name.contains("/") ? [String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])] : directories
        return try BackendFile.verify(path: path, allowedDirectories: allowed)
    }
}
