/// Makes and drops databases of a running server, with `psql`: this target knows no other client.
struct Databases {
    let binaries: ServerBinaries
    let address: ServerAddress

    func createMissing(_ name: String, template: String? = nil) async throws {
        let copy = template.map { " TEMPLATE \(Self.identifier($0))" } ?? ""
        // The one concurrent maker who comes second finds what it wanted.
        try await run(
            """
            SELECT \(Self.literal("CREATE DATABASE \(Self.identifier(name))\(copy)"))
            WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = \(Self.literal(name))) \\gexec
            """
        )
    }

    func drop(_ name: String) async throws {
        try await run("DROP DATABASE IF EXISTS \(Self.identifier(name)) WITH (FORCE)")
    }

    private func run(_ sql: String) async throws {
        let target = address.connectionString(database: "postgres") + " connect_timeout=10"
        try await Tool(path: binaries.path(of: "psql")).output(
            ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", target],
            input: "SET client_min_messages = warning;\n\(sql)\n;\n"
        )
    }

    static func identifier(_ name: String) -> String { "\"" + doubled(name, "\"") + "\"" }

    static func literal(_ text: String) -> String { "'" + doubled(text, "'") + "'" }

    private static func doubled(_ text: String, _ quote: Character) -> String {
        var result = ""
        for character in text { result.append(contentsOf: repeatElement(character, count: character == quote ? 2 : 1)) }
        return result
    }
}
