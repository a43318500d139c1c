/// One SQL statement with the name it has in errors and logs.
///
/// Make it once (`static let`), not per call: each connection prepares it at its first use and recognises it by identity
/// from then on. Parameters are written `$1`, `$2`, … The types of the first call's parameters are the statement's types.
package struct Statement: Sendable, Hashable {
    private final class Storage: Sendable {
        let name: String
        let sql: String
        let hash: Int

        init(_ name: String, _ sql: String) {
            self.name = name
            self.sql = sql
            var hasher = Hasher()
            hasher.combine(name)
            hasher.combine(sql)
            hash = hasher.finalize()
        }
    }

    private let storage: Storage

    /// The statement `sql`, called `name` in errors and logs.
    ///
    /// Neither may contain secrets.
    package init(_ name: String, _ sql: String) { storage = Storage(name, sql) }

    /// What errors and logs call the statement.
    package var name: String { storage.name }
    /// The text sent to the server.
    package var sql: String { storage.sql }

    /// Whether both have the same name and text.
    package static func == (left: Statement, right: Statement) -> Bool {
        left.storage === right.storage
            || left.storage.hash == right.storage.hash && left.name == right.name && left.sql == right.sql
    }

    /// Feeds the hash of name and text, computed once.
    package func hash(into hasher: inout Hasher) { hasher.combine(storage.hash) }
}
