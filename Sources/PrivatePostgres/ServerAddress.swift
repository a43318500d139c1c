/// Where a private server listens.
package struct ServerAddress: Sendable, Hashable {
    /// The folder that holds the unix socket; absolute.
    package let socketDirectory: String
    /// The number in the socket's name, and the TCP port when one was asked for.
    package let port: Int

    /// The libpq connection string of `database` over the unix socket, as the server's superuser.
    package func connectionString(database: String = PrivateServer.databaseName) -> String {
        let values = [("host", socketDirectory), ("port", "\(port)"), ("user", "postgres"), ("dbname", database)]
        return values.map { "\($0)=\(Self.quoted($1))" }.joined(separator: " ")
    }

    /// Quotes a value for a connection string when it holds anything but plain characters.
    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && !value.contains { $0.isWhitespace || $0 == "'" || $0 == "\\" }
        guard !isPlain else { return value }
        var quoted = "'"
        for character in value {
            if character == "'" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "'"
    }
}
