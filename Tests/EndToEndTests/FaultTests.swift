import FoundationEssentials
import Logging
import PrivatePostgres
import TestSupport
import Testing

/// What harmful clients and failing machines do to gateways; the cases are in Tests/Clients/faults.py.
@Suite(.timeLimit(.minutes(10)))
struct FaultTests {
    @Test(
        .database(migrated: true),
        arguments: ["malformed", "slow", "killed", "ending", "fuzzed 1", "fuzzed 2", "fuzzed 3"])
    func faultsOfOthers(name: String) async throws {
        let words = name.split(separator: " ").map(String.init)
        try await RunningQueue.with(slots: 16) { queue in
            try await queue.script("faults", words[0], more: Array(words.dropFirst()))
        }
    }

    @Test func `a database that stops and starts under load loses nothing`() async throws {
        try await TemporaryFolder.with { folder in
            try await Self.withServer(folder) { url in
                let migrated = try await RunningQueue.sluice(["migrate", "--database-url", url])
                #expect(migrated.status == 0, "\(migrated.errors)")
                try await RunningQueue.with(url: url) { queue in
                    try await queue.script("faults", "database", more: [folder.path])
                }
            }
        }
    }

    /// Runs `body` beside a server that stops when there is a file `stop` and starts again when there is one `start`.
    private static func withServer<Result: Sendable>(
        _ folder: TemporaryFolder, _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        @Sendable func server() -> PrivateServer {
            PrivateServer(
                dataDirectory: folder.path + "/data", configuration: .init(maximumConnections: 100),
                logger: Logger(label: "test-server") { _ in SwiftLogNoOpLogHandler() })
        }
        @Sendable func isThere(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: "\(folder.path)/\(name)")
        }
        @Sendable func tell(_ name: String) {
            _ = FileManager.default.createFile(atPath: "\(folder.path)/\(name)", contents: nil)
        }

        return try await withThrowingTaskGroup(of: Result?.self) { group in
            let first = server()
            group.addTask {
                try await withThrowingTaskGroup { life in
                    life.addTask { do { try await first.run() } catch is CancellationError {} }
                    try await eventually("the script stops it", within: .seconds(120)) { isThere("stop") }
                    life.cancelAll()
                }
                tell("stopped")
                try await eventually("the script starts it", within: .seconds(120)) { isThere("start") }
                let second = server()
                try await withThrowingTaskGroup { life in
                    life.addTask { try await second.run() }
                    _ = try await second.waitUntilReady()
                    tell("started")
                    try await life.waitForAll()
                }
                return nil
            }
            let address = try await first.waitUntilReady().connectionString()
            group.addTask { try await body(address) }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }
}
