package import Logging
import Postgres
package import PrivatePostgres
import Queue
import Subprocess
import SystemPackage

/// Where shapes are measured: a server of one's own, and the program under test.
package struct Laboratory: Sendable {
    /// The server.
    package let server: PrivateServer
    /// The `sluice` that is measured.
    package let executable: String
    /// Where its backends are.
    package let backends: String
    /// How many jobs a drain has.
    package let jobs: Int
    /// How often the two sides of a comparison are measured, in turns.
    package let rounds: Int
    /// A folder for files.
    package let folder: String
    let logger: Logger
    /// Says what is being done.
    let say: @Sendable (String) -> Void

    package init(
        server: PrivateServer, executable: String, backends: String, jobs: Int, rounds: Int, folder: String,
        logger: Logger, say: @escaping @Sendable (String) -> Void
    ) {
        self.server = server
        self.executable = executable
        self.backends = backends
        self.jobs = jobs
        self.rounds = rounds
        self.folder = folder
        self.logger = logger
        self.say = say
    }

    /// Runs `body` with a fresh database that has a model `bench` with one deployment of the mock, and drops it.
    ///
    /// - Parameter mock: the mock's configuration, JSON.
    func withDatabase<T: Sendable>(
        _ name: String, slots: Int32 = 64, workers: Int32 = 0, mock: String = "{}",
        _ body: (BenchDatabase) async throws -> T
    ) async throws -> T {
        let name = "bench_" + name
        let url = try await server.createDatabase(name)
        do {
            let connection = try await connect(url)
            _ = try await Migrator(connection).migrate()
            let queue = Queue(connection)
            try await queue.putModel("bench")
            var deployment = DeploymentRequest(model: "bench", name: "bench", backend: "mock")
            deployment.configuration = Array(mock.utf8)
            deployment.slots = slots
            deployment.workers = workers
            try await queue.putDeployment(deployment)
            let result = try await body(BenchDatabase(url: url, connection: connection, queue: queue, laboratory: self))
            connection.close()
            try await server.dropDatabase(name)
            return result
        } catch {
            try await server.dropDatabase(name)
            throw error
        }
    }

    func connect(_ url: String) async throws -> Connection {
        try await Connection.connect(ConnectionConfiguration(url), logger: logger)
    }

    /// Runs `sluice` with `arguments`, and with `environment` on top of what every process here gets, beside `body`, and
    /// ends it with SIGTERM afterwards, or SIGKILL when it lingers.
    func withProcess<T: Sendable>(
        _ arguments: [String], url: String, environment: [String: String] = [:],
        _ body: @Sendable @escaping () async throws -> T
    ) async throws -> T {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .seconds(10))
        ]
        var own: [Environment.Key: String] = [
            "SLUICE_DATABASE_URL": url, "SLUICE_BACKENDS": backends, "SLUICE_LOG_LEVEL": "warning",
        ]
        for (name, value) in environment { own[Environment.Key(stringLiteral: name)] = value }
        let configuration = Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .inherit.updating(own),
            platformOptions: options)
        let outcome = try await run(configuration, input: .none, output: .discarded, error: .string(limit: 65536)) {
            execution in
            let result = try await body()
            await execution.teardown(using: options.teardownSequence)
            return result
        }
        return outcome.closureResult
    }
}
