import FoundationEssentials
import Logging
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport

/// A `sluice up` on the suite's database, or another, with one deployment of the model `echo`, and commands run against it.
struct RunningQueue: Sendable {
    /// What a command did.
    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    let url: String
    let connection: Connection
    let queue: Queue
    /// Where its gateway is.
    let gateway: String
    /// A key of the tenant `default`.
    let key: String

    /// Runs `body` beside a `sluice up`, and stops that whatever comes of it.
    ///
    /// - Parameters:
    ///   - url: the database, if it is not the suite's.
    ///   - route: how `sluice up` reaches it, if not as the test does.
    static func with<Result: Sendable>(
        url: String? = nil, by route: String? = nil, backend: String = "mock", workers: Int32 = 1, slots: Int32 = 8,
        configuration: String = #"{"markers": true}"#, arguments: [String] = [],
        _ body: @escaping @Sendable (RunningQueue) async throws -> Result
    ) async throws -> Result {
        let url = try url ?? TestDatabase.current.url
        let connection = try await Connection.connect(
            try ConnectionConfiguration(url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        let queue = Queue(connection)
        try await queue.putModel("echo", retryBase: .milliseconds(20), retryCap: .milliseconds(100))
        var request = DeploymentRequest(model: "echo", name: "echo-1", backend: backend)
        request.configuration = Array(configuration.utf8)
        (request.workers, request.slots) = (workers, slots)
        try await queue.putDeployment(request)
        var options = PlatformOptions()
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(60))]
        let up = Configuration(
            executable: .path(FilePath(try Products.path(of: "sluice"))),
            arguments: Arguments(
                ["up", "--json", "--database-url", route ?? url, "--backends", try Products.folder] + arguments),
            environment: environment, platformOptions: options)
        let teardown = options.teardownSequence
        return try await Subprocess.run(up, input: .none, output: .sequence, error: .discarded) { execution in
            var said = execution.standardOutput.makeAsyncIterator()
            guard let line = try await said.next() else { throw NotUp() }
            do {
                let words = try line.withUnsafeBytes { try JSONDecoder().decode(Words.self, from: Data($0)) }
                let result = try await body(
                    RunningQueue(
                        url: url, connection: connection, queue: queue, gateway: words.url, key: words.key ?? ""))
                await execution.teardown(using: teardown)
                return result
            } catch {
                await execution.teardown(using: teardown)
                throw error
            }
        }.closureResult
    }

    /// Runs `sluice` with `arguments` on this queue until it ends.
    func sluice(_ arguments: [String], input: String = "") async throws -> Outcome {
        try await Self.sluice(arguments + ["--database-url", url], input: input)
    }

    /// Runs `sluice` with `arguments` until it ends.
    static func sluice(_ arguments: [String], input: String = "") async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(try Products.path(of: "sluice"))), arguments: Arguments(arguments), environment: environment,
            input: .string(input), output: .string(limit: 16 << 20), error: .string(limit: 1 << 20))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Outcome(status: status, output: result.standardOutput, errors: result.standardError)
    }

    static var environment: Environment {
        .inherit.updating([
            "SLUICE_DATABASE_URL": nil, "SLUICE_DATA": nil, "SLUICE_CONFIG": nil, "SLUICE_BACKENDS": nil,
            "NO_COLOR": "1",
        ])
    }

    /// What `sluice up --json` says.
    private struct Words: Decodable {
        var url: String
        var key: String?
    }

    /// The queue did not come up.
    struct NotUp: Error {}
}
