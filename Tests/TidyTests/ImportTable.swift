/// Which modules each target may import: the direction of the design, held by a test. A target that is not here fails,
/// so that a new one is a decision.
enum ImportTable {
    /// What every target may import that is allowed input and output.
    static let system: Set = [
        "Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Dispatch", "SystemPackage",
    ]
    /// What a test target may import besides what it tests.
    static let testing: Set = system.union(["Testing", "TestSupport", "Logging", "Subprocess", "ServiceLifecycle"])

    private static let edges: Set = [
        "CLinux", "Domain", "Fleet", "Lifeline", "Postgres", "Queue", "Settings", "Telemetry",
    ]
    private static let services: Set = [
        "Logging", "ServiceLifecycle", "Metrics", "Tracing", "DequeModule", "HeapModule",
    ]

    static let allowed: [String: Set<String>] = [
        // Values and pure machines: no input or output, no clock.
        "Domain": [],
        "Fleet": ["Domain"],
        "Simulation": ["Domain", "Fleet", "JSONText"],
        "Admission": ["Domain", "JSONText"],
        "JSONText": [],
        "Lifeline": system,
        "Terminal": system.union(["Domain"]),
        "BatchFile": system.union(["Crypto", "Domain"]),
        "FleetFile": ["Domain", "Fleet", "Yams"],
        "Multipart": ["Glibc"],
        // Libraries.
        "Telemetry": system.union(["Domain", "Logging", "Metrics", "Tracing"]),
        "Settings": system.union(["Domain", "Configuration"]),
        "Postgres": system.union(["CPostgres", "CLinux", "DequeModule", "HeapModule", "Logging"]),
        "SQLFiles": [],
        "Queue": system.union(["Domain", "Postgres", "SQLFiles", "Crypto", "Logging"]),
        "BatchLoading": system.union(["BatchFile", "Domain", "Postgres", "Queue"]),
        "PrivatePostgres": system.union(["Logging", "ServiceLifecycle", "Subprocess"]),
        // Backends.
        "BackendKit": system.union(["BackendABI", "JSONText"]),
        "BackendHost": system.union(["BackendABI", "CLinux", "Crypto", "Domain", "JSONText", "Logging", "Subprocess"]),
        "OpenAIClient": system.union([
            "AsyncHTTPClient", "BackendKit", "JSONText", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL",
        ]),
        "OpenAIBackend": system.union(["BackendKit", "BackendABI", "OpenAIClient"]),
        "MockBackend": system.union(["BackendKit", "BackendABI", "JSONText"]),
        "LocalModel": system.union(["BackendKit", "CLlama", "JSONText"]),
        "LocalBackend": system.union(["BackendKit", "BackendABI", "LocalModel"]),
        "Bench": system.union([
            "BatchFile", "BatchLoading", "CBaseline", "Domain", "Fleet", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix",
            "Postgres", "PrivatePostgres", "Queue", "Simulation", "Subprocess",
        ]),
        // Processes: siblings that never meet.
        "Worker": system.union(edges).union(services).union(["BackendHost", "JSONText"]),
        "Supervisor": system.union(edges).union(services).union(["Subprocess"]),
        "Gateway": system.union(edges).union(services).union([
            "Admission", "AsyncHTTPClient", "BatchFile", "BatchLoading", "Crypto", "Hummingbird", "HummingbirdCore",
            "HummingbirdTLS", "HTTPTypes", "Multipart", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOPosix", "NIOSSL",
        ]),
        "sluice": system.union(edges).union(services).union([
            "Admission", "ArgumentParser", "BackendHost", "BatchFile", "BatchLoading", "Bench", "FleetFile", "Gateway",
            "Lifeline",
            "PrivatePostgres", "Simulation", "Subprocess", "Supervisor", "Terminal", "UnixSignals", "Worker",
        ]),
        "TestSupport": testing.union(["Postgres", "PrivatePostgres", "Queue"]),
        "UpstreamSupport": system.union(["NIOCore", "NIOHPACK", "NIOHTTP2", "NIOPosix", "NIOSSL"]),
    ]

    /// What `target` may import, nil when the table does not know it. A test target named after a target may import what
    /// that one may, and the target itself.
    static func modules(for target: String, isTest: Bool) -> Set<String>? {
        guard isTest, allowed[target] == nil else { return allowed[target] }
        switch target {
        case "EndToEndTests", "IntegrationTests":
            return testing.union(["Domain", "Gateway", "Postgres", "PrivatePostgres", "Queue", "UpstreamSupport"])
        case "TidyTests": return testing
        default:
            let tested = String(target.dropLast("Tests".count))
            guard let modules = allowed[tested] else { return nil }
            // What a test needs beside it: a backend to host, a connection that is none, a server with passwords and TLS to
            // connect to.
            let more = [
                "BackendHost": ["BackendKit", "ExampleC"], "Gateway": ["NIOEmbedded"], "LocalModel": ["BackendHost"],
                "OpenAIClient": ["BackendHost", "UpstreamSupport"],
                "Postgres": ["PrivatePostgres"],
            ]
            return modules.union(testing).union([tested, "Domain"]).union(more[tested] ?? [])
        }
    }

    /// The modules a file imports, with the line.
    static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
        file.code.enumerated().compactMap { index, line in
            var words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
            if let first = words.first, ["public", "package", "internal", "fileprivate", "private"].contains(first) {
                words.removeFirst()
            }
            guard words.first == "import", words.count > 1 else { return nil }
            let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
            let path = kinds.contains(String(words[1])) && words.count > 2 ? words[2] : words[1]
            return (index + 1, String(path.prefix { $0 != "." }))
        }
    }

    static func findings(in file: SourceFile) -> [Finding] {
        guard file.isSwift, let target = file.target else { return [] }
        guard let allowed = modules(for: target, isTest: file.path.hasPrefix("Tests/")) else {
            return [
                Finding(
                    path: file.path, line: 1, what: "the target \(target) has no row in the import table",
                    instead: "add it to Tests/TidyTests/ImportTable.swift")
            ]
        }
        return imports(of: file).filter { !allowed.contains($0.module) }.map {
            Finding(
                path: file.path, line: $0.line, what: "\(target) imports \($0.module)",
                instead: "move the code, or change the direction in Tests/TidyTests/ImportTable.swift and say why")
        }
    }
}
