import Glibc

/// The folder of one installed PostgreSQL server's programs.
package struct ServerBinaries: Sendable, Equatable {
    /// The oldest server Sluice works with.
    package static let minimumMajorVersion = 15

    /// Where `postgres`, `initdb` and their companions are; absolute, links resolved.
    package let folder: String
    /// The server's major version.
    package let majorVersion: Int

    /// The path of the program `name`.
    package func path(of name: String) -> String { "\(folder)/\(name)" }

    /// Finds a server: in `PATH`, where `pg_config` points, then the newest below `/usr/lib/postgresql`.
    ///
    /// - Parameter majorVersion: only this version will do, because a data folder was made by it; nil for any.
    /// - Throws: `PrivateServerError` with `serverNotInstalled` or `wrongVersion`.
    package static func find(majorVersion: Int? = nil) async throws -> ServerBinaries {
        var found: [ServerBinaries] = []
        for folder in await candidateFolders() where !found.contains(where: { $0.folder == folder }) {
            guard access("\(folder)/postgres", X_OK) == 0, access("\(folder)/initdb", X_OK) == 0 else { continue }
            let output = try await Tool(path: "\(folder)/postgres").output(["--version"])
            guard let version = parseMajorVersion(output) else { continue }
            found.append(ServerBinaries(folder: folder, majorVersion: version))
        }
        return try choose(from: found, majorVersion: majorVersion)
    }

    /// Decides between what was found, which is in the order of preference.
    static func choose(from found: [ServerBinaries], majorVersion: Int?) throws -> ServerBinaries {
        if let majorVersion {
            if let match = found.first(where: { $0.majorVersion == majorVersion }) { return match }
            throw PrivateServerError(
                .wrongVersion,
                "The data folder was made by PostgreSQL \(majorVersion), which is not installed: "
                    + "apt-get install postgresql-\(majorVersion)"
            )
        }
        if let match = found.first(where: { $0.majorVersion >= minimumMajorVersion }) { return match }
        let what = found.isEmpty ? "No PostgreSQL server is installed" : "The installed PostgreSQL server is too old"
        throw PrivateServerError(
            .serverNotInstalled,
            "\(what) (\(minimumMajorVersion) or newer is needed): apt-get install postgresql"
        )
    }

    /// The major version in the output of `postgres --version`, such as `postgres (PostgreSQL) 15.14 (Debian …)`.
    static func parseMajorVersion(_ output: String) -> Int? {
        guard let number = output.split(separator: " ").first(where: { $0.first?.isNumber == true }) else { return nil }
        return Int(number.prefix { $0.isNumber })
    }

    private static func candidateFolders() async -> [String] {
        var folders: [String] = []
        for folder in (FileSystem.environment("PATH") ?? "").split(separator: ":") {
            if let binary = FileSystem.resolved("\(folder)/postgres") { folders.append(FileSystem.parent(of: binary)) }
        }
        do {
            let output = try await Tool(name: "pg_config").output(["--bindir"])
            if let folder = FileSystem.resolved(String(output.prefix { $0 != "\n" })) { folders.append(folder) }
        } catch {
            // Without libpq-dev there is no pg_config; the server may be there all the same.
        }
        let versions = FileSystem.entries(of: "/usr/lib/postgresql").compactMap { Int($0) }.sorted(by: >)
        return folders + versions.map { "/usr/lib/postgresql/\($0)/bin" }
    }
}
