import Domain
import Gateway
import Logging
import Postgres
import PrivatePostgres
import Queue
import ServiceLifecycle
import Settings
import Supervisor
import Terminal

/// What `sluice up` runs beside the database: it waits for it, brings the schema up, keeps this host's workers, and serves
/// HTTP.
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
    let gateway: GatewayOptions
    let console: Console
    let logger: Logger

    func run() async throws {
        // Until the supervisor is there nothing has to be drained.
        guard let parts = try await cancelWhenGracefulShutdown({ try await prepare() }) else { return }
        try await withThrowingTaskGroup { group in
            group.addTask { try await parts.supervisor.run() }
            group.addTask { try await parts.gateway.run() }
            // Both end in their own time when they are told to; one that fails ends the other. `waitForAll` would keep its
            // error to itself until the other has ended.
            while try await group.next() != nil {}
        }
    }

    /// What runs once everything is ready.
    private struct Parts {
        let supervisor: Supervisor
        let gateway: Gateway
    }

    /// Makes everything ready; nil when it was told to stop meanwhile.
    private func prepare() async throws -> Parts? {
        do {
            let target = try await target()
            let session = try await Session.open(target, requireSchema: false, isPatient: true)
            let plan = try await Migrator(session.connection).migrate()
            if plan.from == 0, target.folder != nil { try await declareDemo(session.queue) }
            let supervisor = try supervision.supervisor(
                conninfo: target.conninfo, folder: target.folder, settings: settings, logger: logger)
            let deployments = try await session.queue.overview().compactMap { row in
                row.deployment.map { (model: row.model, name: $0, workers: row.workersWanted) }
            }
            session.connection.close()
            var served = gateway.settings
            served.takesOtherPort = gateway.port == nil
            let service = Gateway(served, database: try target.configuration(), logger: logger) { port in
                let key = await firstKey(target)
                do {
                    try announce(target, deployments, url: "\(gateway.scheme)://\(gateway.host):\(port)", key: key)
                } catch {
                    logger.warning("Nobody reads what is said.", metadata: ["error": "\(error)"])
                }
            }
            return Parts(supervisor: supervisor, gateway: service)
        } catch {
            if Task.isCancelled { return nil }
            throw error
        }
    }

    /// A key for whoever starts the first queue; nil when there are keys already, or others than this host can ask: those
    /// are let in by a decision. It is shown once, so it is made when all that can fail has not.
    private func firstKey(_ target: DatabaseTarget) async -> String? {
        guard gateway.isLoopback else { return nil }
        do {
            let session = try await Session.open(target, requireSchema: false)
            defer { session.connection.close() }
            guard try await session.queue.keys().isEmpty else { return nil }
            let key = APIKey.random()
            _ = try await session.queue.createKey(
                tenant: "default", name: "first", prefix: key.prefix, sha256: key.sha256)
            return key.text
        } catch {
            logger.warning(
                "The first key was not made: `sluice keys create` makes one.", metadata: ["error": "\(error)"])
            return nil
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

    private func announce(
        _ target: DatabaseTarget, _ deployments: [(model: String, name: String, workers: Int32)], url: String,
        key: String?
    ) throws {
        guard !console.options.isJSON else {
            try console.show([
                "ready": true, "data": target.folder.map(JSONOutput.string) ?? .null, "url": .string(url),
                "key": key.map(JSONOutput.string) ?? .null,
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
        console.note("  HTTP: \(url)/v1")
        if let key { console.note("  key, shown this once: \(key)") }
        console.note("Try in another terminal:")
        console.note("  sluice submit\(flag) --model \(model) --prompt 'Hello' --wait")
        console.note("  sluice top\(flag)")
        console.note("  curl \(url)/v1/chat/completions -H 'Authorization: Bearer \(key ?? "$KEY")' \\")
        console.note("    -d '{\"model\": \"\(model)\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'")
        console.note("  sluice psql\(flag)")
        console.note("Ctrl-C stops everything; the data stay.")
    }
}
