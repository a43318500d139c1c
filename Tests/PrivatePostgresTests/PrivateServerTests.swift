import FoundationEssentials
import Glibc
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import PrivatePostgres

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
private let fast = PrivateServer.Configuration(maximumConnections: 20, isDurable: false)

@Suite(.timeLimit(.minutes(10)))
struct PrivateServerTests {
    @Test func `data survive a stop and a start`() async throws {
        try await TemporaryFolder.with { folder in
            try await PrivateServer.withServer(dataDirectory: folder.path, configuration: fast, logger: quiet) {
                server, _ in _ = try await server.createDatabase("kept")
            }
            #expect(throws: PrivateServerError.self) { try PrivateServer.address(ofServerIn: folder.path) }
            let names = try await PrivateServer.withServer(
                dataDirectory: folder.path, configuration: fast, logger: quiet
            ) { _, address in
                let found = try PrivateServer.address(ofServerIn: folder.path)
                #expect(found == address)
                return try await Self.query("SELECT datname FROM pg_database ORDER BY 1", at: address)
            }
            #expect(names == "kept\npostgres\nsluice\ntemplate0\ntemplate1\n")
        }
    }

    @Test func `a second server on the folder is refused while one runs`() async throws {
        try await TemporaryFolder.with { folder in
            try await PrivateServer.withServer(dataDirectory: folder.path, configuration: fast, logger: quiet) { _, _ in
                let second = PrivateServer(dataDirectory: folder.path, configuration: fast, logger: quiet)
                let error = await #expect(throws: PrivateServerError.self) { try await second.run() }
                #expect(error?.code == .folderInUse)
                #expect(error?.description.contains("process \(getpid())") == true)
            }
        }
    }

    @Test func `a graceful shutdown stops it cleanly`() async throws {
        try await TemporaryFolder.with { folder in
            let server = PrivateServer(dataDirectory: folder.path, configuration: fast, logger: quiet)
            let services = ServiceGroup(services: [server], logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                _ = try await server.waitUntilReady()
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/cluster/postmaster.pid"))
            let log = try String(contentsOfFile: folder.path + "/server.log", encoding: .utf8)
            #expect(log.contains("received fast shutdown request"))
        }
    }

    @Test func `it ends when its process is killed, and the next start recovers`() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder.path
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                try await PrivateServer.withServer(dataDirectory: path, configuration: fast, logger: quiet) {
                    server, _ in
                    _ = try await server.createDatabase("kept")
                    _ = kill(getpid(), SIGKILL)
                }
            }
            try await eventually("the server ends with its process") {
                !FileManager.default.fileExists(atPath: path + "/cluster/postmaster.pid")
            }
            let found = try await PrivateServer.withServer(dataDirectory: path, configuration: fast, logger: quiet) {
                _, address in
                try await Self.query("SELECT count(*) FROM pg_database WHERE datname = 'kept'", at: address)
            }
            #expect(found == "1\n")
        }
    }

    @Test func `a start right after a kill waits for the old server`() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder.path
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                try await PrivateServer.withServer(dataDirectory: path, configuration: fast, logger: quiet) { _, _ in
                    _ = kill(getpid(), SIGKILL)
                }
            }
            try await PrivateServer.withServer(dataDirectory: path, configuration: fast, logger: quiet) { _, address in
                let answer = try await Self.query("SELECT 1", at: address)
                #expect(answer == "1\n")
            }
        }
    }

    @Test func `a server that dies by itself is an error that shows its last words`() async throws {
        try await TemporaryFolder.with { folder in
            let server = PrivateServer(dataDirectory: folder.path, configuration: fast, logger: quiet)
            let error = await #expect(throws: PrivateServerError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await server.run() }
                    _ = try await server.waitUntilReady()
                    let postmaster = try #require(try ServerFolder(existing: folder.path).postmaster)
                    kill(postmaster.processID, SIGQUIT)
                    try await group.waitForAll()
                }
            }
            #expect(error?.code == .exited)
            #expect(error?.detail.contains("immediate shutdown") == true)
        }
    }

    @Test func `a folder too deep for a socket gets a short one, and keeps it`() async throws {
        try await TemporaryFolder.with { folder in
            let deep = folder.path + "/" + String(repeating: "d", count: 100)
            var directories: Set<String> = []
            for _ in 1...2 {
                let directory = try await PrivateServer.withServer(
                    dataDirectory: deep, configuration: fast, logger: quiet
                ) { _, address in
                    let answer = try await Self.query("SELECT 1", at: address)
                    #expect(answer == "1\n")
                    return address.socketDirectory
                }
                directories.insert(directory)
            }
            #expect(directories.count == 1)
            for directory in directories {
                #expect(directory.hasPrefix("/tmp/sluice-"))
                try FileManager.default.removeItem(atPath: directory)
            }
        }
    }

    @Test func `the server's settings are what the queue relies on`() async throws {
        let server = try await TestServer.shared
        let address = try await server.waitUntilReady()
        let names = "synchronous_commit,client_connection_check_interval,jit,listen_addresses,data_checksums"
        let shown = try await Self.query(
            "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings "
                + "WHERE name = ANY (string_to_array('\(names)', ','))",
            at: address
        )
        #expect(
            shown == "client_connection_check_interval=500 data_checksums=on jit=off listen_addresses= "
                + "synchronous_commit=on\n"
        )
    }

    private static func query(_ sql: String, at address: ServerAddress) async throws -> String {
        let psql = try await ServerBinaries.find().path(of: "psql")
        return try await Tool(path: psql).output(["-XAtq", "-d", address.connectionString(), "-c", sql])
    }
}
