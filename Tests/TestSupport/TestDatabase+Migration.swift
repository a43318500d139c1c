import Logging
import Postgres
import Queue

extension TestDatabase {
    /// Brings the database at `url` to the newest schema. It must have closed its connections when it returns: the
    /// database is then copied.
    static func migrate(_ url: String) async throws {
        let connection = try await Connection.connect(
            ConnectionConfiguration(url), logger: Logger(label: "migration") { _ in SwiftLogNoOpLogHandler() })
        let process = Int64(connection.backendProcessID)
        _ = try await Migrator(connection).migrate()
        connection.close()
        _ = await connection.waitUntilClosed()
        // The server's side of it ends a moment later, and a database somebody is connected to cannot be copied.
        let watcher = try await Connection.connect(
            ConnectionConfiguration("\(url) dbname=postgres"),
            logger: Logger(label: "migration") { _ in SwiftLogNoOpLogHandler() })
        let count = Statement("session_count", "select count(*) from pg_stat_activity where pid = $1")
        try await eventually("the migrating session ends") {
            try await watcher.query(count, process).first?.decode(0, as: Int64.self) == 0
        }
        watcher.close()
    }
}
