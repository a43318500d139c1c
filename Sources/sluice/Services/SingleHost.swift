import Domain
import Logging
import Postgres
import PrivatePostgres
import Queue
import ServiceLifecycle
import Settings
import Supervisor
import Terminal

/// What `sluice up` runs beside the database: it waits for it, brings the schema up, and keeps this host's workers.
struct SingleHost: Service {
    /// Connections of a private server: one or two a worker, three a supervisor, and room for people.
    static let maximumConnections = 200

    /// Where the database comes from.
    enum Source: Sendable {
        case server(PrivateServer, folder: String)
        case target(DatabaseTarget)
    }

    let source: Source
    let settings: SluiceSettings
    let supervision: SupervisorOptions
    let console: Console
    let logger: Logger

    func run() async throws {
        // Until the supervisor is there nothing has to be drained.
        let supervisor = try await cancelWhenGracefulShutdown { try await prepare() }
        try await supervisor?.run()
    }

    /// Makes everything ready; nil when it was told to stop meanwhile.
    private func prepare() async throws -> Supervisor? {
        do {
            let target = try await target()
            let session = try await Session.open(target, requireSchema: false, isPatient: true)
            let plan = try await Migrator(session.connection).migrate()
            if plan.from == 0, target.folder != nil { try await declareDemo(session.queue) }
            let supervisor = try supervision.supervisor(
                conninfo: target.conninfo, folder: target.folder, settings: settings, logger: logger)
            try await announce(target, session.queue)
            session.connection.close()
            return supervisor
        } catch {
            if Task.isCancelled { return nil }
            throw error
        }
    }

    private func target() async throws -> DatabaseTarget {
        switch source {
        case .target(let target): return target
        case .server(let server, let folder):
            console.note("Starting PostgreSQL in \(folder) …")
            let address = try await server.waitUntilReady()
            return DatabaseTarget(
                conninfo: address.connectionString(), folder: folder, pooler: .none, settings: settings.database)
        }
    }

    /// Something for a newcomer to send requests to.
    private func declareDemo(_ queue: Queue) async throws {
        try await queue.putModel("demo")
        for name in ["demo-a", "demo-b"] {
            var request = DeploymentRequest(model: "demo", name: name, backend: "mock")
            request.configuration = Array(
                #"{"latency_ms": 20, "latency_distribution": "lognormal", "latency_deviation_ms": 10}"#.utf8)
            try await queue.putDeployment(request)
        }
    }

    private func announce(_ target: DatabaseTarget, _ queue: Queue) async throws {
        let deployments = try await queue.overview().compactMap { row in
            row.deployment.map { (model: row.model, name: $0, workers: row.workersWanted) }
        }
        guard !console.options.isJSON else {
            try console.show([
                "ready": true, "data": target.folder.map(JSONOutput.string) ?? .null,
                "deployments": .array(
                    deployments.map {
                        [
                            "model": .string($0.model), "deployment": .string($0.name),
                            "workers": .integer(Int64($0.workers)),
                        ]
                    }),
            ])
            return
        }
        let flag = target.folder.map { $0 == DatabaseOptions.defaultFolder ? "" : " --data \($0)" } ?? ""
        console.note("The queue is up\(target.folder.map { ", its data in \($0)" } ?? "").")
        for deployment in deployments {
            console.note("  \(deployment.name): model \(deployment.model), workers: \(deployment.workers)")
        }
        let model = deployments.first?.model ?? "MODEL"
        console.note("Try in another terminal:")
        console.note("  sluice submit\(flag) --model \(model) --prompt 'Hello' --wait")
        console.note("  sluice status\(flag) --watch")
        console.note("  sluice psql\(flag)")
        console.note("Ctrl-C stops everything; the data stay.")
    }
}
