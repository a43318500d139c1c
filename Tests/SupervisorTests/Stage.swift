import Fleet
import Glibc
import Logging
import Postgres
import Queue
import ServiceLifecycle
import Supervisor
import TestSupport
import Testing

/// A database with one deployment, and supervisors whose workers are shell scripts.
struct Stage: Sendable {
    let url: String
    let folder: TemporaryFolder
    let connection: Connection
    let recorder = LogRecorder()

    var queue: Queue { Queue(connection) }
    /// Where scripts write their process ids: `$1`.
    var processFile: String { "\(folder.path)/pids" }

    /// Runs `body` on a stage of its own database.
    static func with(workers: Int32, _ body: (Stage) async throws -> Void) async throws {
        let url = try TestDatabase.current.url
        let connection = try await Connection.connect(
            try ConnectionConfiguration(url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        _ = try await Migrator(connection).migrate()
        try await TemporaryFolder.with { folder in
            let stage = Stage(url: url, folder: folder, connection: connection)
            try await stage.queue.putModel("m")
            try await stage.put(workers: workers)
            try await body(stage)
            #expect(stage.alive == [], "a supervisor left processes")
        }
    }

    func put(workers: Int32, version: String = "1") async throws {
        var request = DeploymentRequest(model: "m", name: "d", backend: "none")
        request.workers = workers
        request.version = version
        try await queue.putDeployment(request)
    }

    /// Settings with which a worker is `script`; `$1` is the file of process ids, `$2` the slot board, `$3` the folder.
    func settings(_ script: String, name: String = "run") -> Supervisor.Settings {
        var settings = Supervisor.Settings(
            conninfo: url, runDirectory: "\(folder.path)/\(name)", host: "here", backendDirectories: [])
        settings.executable = "/bin/sh"
        settings.environment = ["PATH": "/usr/bin:/bin", "SECRET": "no"]
        let (file, path) = (processFile, folder.path)
        settings.arguments = { ["-c", "echo $$ >>$1; \(script)", "worker", file, $0.slotBoardPath, path] }
        settings.campaignInterval = .milliseconds(50)
        settings.graces.drain = .seconds(5)
        return settings
    }

    /// Runs a supervisor while `body` runs, and shuts it down after it.
    func supervise(_ settings: Supervisor.Settings, _ body: () async throws -> Void) async throws {
        let supervisor = try Supervisor(settings: settings, logger: recorder.logger)
        let services = ServiceGroup(
            services: [supervisor], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                try await body()
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    var processIDs: [Int32] { ChildProcessTests.processIDs(in: processFile) }

    /// The processes that are alive.
    var alive: [Int32] { processIDs.filter(ChildProcessTests.isAlive) }

    /// Waits until so many processes have been started, and returns them.
    func started(_ count: Int) async throws -> [Int32] {
        try await eventually("\(count) workers were started") {
            let found = processIDs
            return found.count >= count ? found : nil
        }
    }

    /// The one text value `sql` returns; nil if there is no row.
    func text(_ sql: String) async throws -> String? {
        try await connection.query(Statement("probe", sql)).first?.decode(0, as: String?.self) ?? nil
    }
}
