import Postgres
import Settings

/// A database a command was told to work on.
struct DatabaseTarget: Sendable {
    /// The libpq connection string. It may hold a password: never shown.
    let conninfo: String
    /// The data folder, when it is the private server of one.
    let folder: String?
    /// What stands before it.
    let pooler: ConnectionConfiguration.Pooler
    /// The limits of its connections.
    let settings: DatabaseSettings

    /// How to connect.
    ///
    /// - Parameter isPatient: whether statements may take as long as they need, as a migration does.
    func configuration(isPatient: Bool = false) throws(PostgresError) -> ConnectionConfiguration {
        var configuration = try ConnectionConfiguration(conninfo)
        configuration.pooler = pooler
        configuration.connectTimeout = settings.connectTimeout
        if !isPatient { configuration.statementTimeout = settings.statementTimeout }
        configuration.applicationName = configuration.setting("application_name") ?? "sluice"
        return configuration
    }
}
