import Postgres
import PrivatePostgres
import Queue
import Settings
import Subprocess
import SystemPackage
import Terminal

/// A `sluice up` of the demonstration's own, as a child process.
struct DemoHost: Sendable {
    let folder: DemoFolder
    let backends: [String]

    /// Drains the workers and stops the server; after that a kill follows by itself.
    private static let teardown: [TeardownStep] = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(20))]

    /// Runs `body` on the queue, once it is up, and stops everything, whatever came of it.
    ///
    /// The deployments are declared by `declare` before the first worker starts, or those that started would be replaced.
    func run<Result: Sendable>(
        declare: @escaping @Sendable (Queue) async throws -> Void,
        _ body: @escaping @Sendable (DatabaseTarget) async throws -> Result
    ) async throws -> Result {
        guard let program = ProcessEnvironment.program else {
            throw CommandFailure(.software, "The path of this program cannot be read from /proc.")
        }
        try await PrivateServer.withServer(dataDirectory: folder.queue, logger: Session.quietLogger) { _, address in
            let session = try await Session.open(
                target(address.connectionString()), requireSchema: false, isPatient: true)
            _ = try await Migrator(session.connection).migrate()
            try await declare(session.queue)
            session.connection.close()
        }
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in a terminal reaches us, and we stop it in order.
        options.processGroupID = 0
        options.teardownSequence = Self.teardown
        let configuration = Subprocess.Configuration(
            // Should we be killed ourselves, the kernel tells it to end.
            executable: .name("setpriv"),
            arguments: Arguments(
                ["--pdeathsig", "TERM", "--", program, "up", "--json", "--data", folder.queue]
                    + backends.flatMap { ["--backends", $0] }),
            environment: .inherit.updating([
                "SLUICE_DATABASE_URL": nil, "SLUICE_DATA": nil, "SLUICE_CONFIG": nil, "SLUICE_LOG_LEVEL": "info",
            ]),
            platformOptions: options)
        let log = try FileDescriptor.open(
            FilePath(folder.log), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite])
        let outcome = try await Subprocess.run(
            configuration, input: .none, output: .sequence,
            error: .fileDescriptor(log, closeAfterSpawningProcess: true)
        ) { execution in
            do {
                // It says one line when it is ready, and nothing after that.
                var said = execution.standardOutput.makeAsyncIterator()
                guard try await said.next() != nil else {
                    throw CommandFailure(.unavailable, "The queue of the demonstration did not start.")
                }
                let target = target(try PrivateServer.connectionString(ofServerIn: folder.queue))
                let result = try await body(target)
                await execution.teardown(using: Self.teardown)
                return result
            } catch {
                await execution.teardown(using: Self.teardown)
                throw error
            }
        }
        return outcome.closureResult
    }

    private func target(_ conninfo: String) -> DatabaseTarget {
        DatabaseTarget(conninfo: conninfo, folder: folder.queue, pooler: .none, settings: DatabaseSettings())
    }
}
