import ArgumentParser
import Foundation
import Postgres
import PrivatePostgres
import Settings
import Terminal

extension ConnectionConfiguration.Pooler: ExpressibleByArgument {}

/// Which database a command works on.
struct DatabaseOptions: ParsableArguments {
    /// The data folder that is used when nothing is said, if it is there.
    static let defaultFolder = ".sluice"

    @Option(
        name: .customLong("data"),
        help: ArgumentHelp("The data folder of a `sluice up`.", valueName: "dir"),
        completion: .directory)
    var folder: String?

    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp("A libpq connection string or URL.", valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "What stands before the database: none, or a pooler in transaction mode.", valueName: "none|transaction"))
    var pooler: ConnectionConfiguration.Pooler?

    func validate() throws {
        if folder != nil && url != nil {
            throw ValidationError("--data and --database-url both name a database: give one of them.")
        }
        if url?.isEmpty == true || folder?.isEmpty == true {
            throw ValidationError("--data and --database-url must not be empty.")
        }
    }

    /// The settings of this process: these options, then the environment, then the file `SLUICE_CONFIG` names.
    func settings() async throws -> SluiceSettings {
        var commandLine: [String: String] = [:]
        commandLine["database.url"] = url
        commandLine["database.pooler"] = pooler?.rawValue
        return try await SluiceSettings.load(commandLine: commandLine, environment: ProcessEnvironment.variables)
    }

    /// Where the database is.
    ///
    /// - Throws: `CommandFailure` when nothing leads to one; `PrivateServerError` when none runs on the folder;
    ///   `SettingsError`; `PostgresError` for a malformed connection string.
    func resolve() async throws -> DatabaseTarget {
        let settings = try await settings()
        guard folder == nil, let url = settings.database.url else {
            guard let folder = privateFolder else {
                throw CommandFailure(
                    .configuration, "No database is given and there is none in ./\(Self.defaultFolder).",
                    fix: "Start one with `sluice up`, or pass --database-url.")
            }
            return DatabaseTarget(
                conninfo: try PrivateServer.connectionString(ofServerIn: folder), folder: folder,
                pooler: .none, settings: settings.database)
        }
        return DatabaseTarget(
            conninfo: url, folder: nil,
            pooler: settings.database.pooler == .transaction ? .transaction : .none,
            settings: settings.database)
    }

    /// The data folder that is meant when no URL is given: `--data`, `$SLUICE_DATA`, or `.sluice` here if it exists.
    private var privateFolder: String? {
        if let folder = folder ?? ProcessEnvironment.variable("SLUICE_DATA") { return folder }
        return FileManager.default.fileExists(atPath: Self.defaultFolder) ? Self.defaultFolder : nil
    }
}
