/// How to reach PostgreSQL.
package struct DatabaseSettings: Sendable, Hashable {
    /// What stands between us and the server.
    package enum Pooler: String, SettingsWord {
        /// Nothing: a session is ours.
        case none
        /// A pooler in transaction mode: no LISTEN, no named prepared statements, no advisory locks of a session.
        case transaction
    }

    /// A libpq connection string or URI; nil for a private server of our own. It may hold a password: never logged.
    package var url: String?
    /// What stands between us and the server.
    package var pooler = Pooler.none
    /// How long one attempt to connect may take.
    package var connectTimeout = Duration.seconds(10)
    /// How long one statement may run.
    package var statementTimeout = Duration.seconds(30)

    /// The defaults.
    package init() {}
}
