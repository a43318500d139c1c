import Domain
import Glibc
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
import NIOSSL
package import Postgres
import Queue
import ServiceLifecycle

/// The HTTP door: what existing OpenAI clients speak, and an API of its own. Any number of them can run: whatever they
/// know is in the database.
package struct Gateway: Service {
    private let settings: GatewaySettings
    private let pool: Pool
    private let watch: JobWatch
    private let queue: Queue
    private let submissions: Submissions
    private let departures = Departures()
    private let limiter: Limiter
    private let entrance: Entrance
    private let isListening: @Sendable (Int) async -> Void
    private let logger: Logger

    /// A gateway to the queue in `database`.
    ///
    /// - Parameter isListening: called with the port once requests are taken.
    package init(
        _ settings: GatewaySettings, database: ConnectionConfiguration, logger: Logger,
        isListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.logger = logger
        self.isListening = isListening
        pool = Pool(
            database, maximumConnections: settings.databaseConnections, minimumConnections: 1,
            waitTimeout: settings.databaseWait, sharesWait: true, logger: logger)
        queue = Queue(pool)
        watch = JobWatch(queue, listeningOn: database, logger: logger)
        submissions = Submissions(queue)
        limiter = Limiter(queue, logger: logger)
        entrance = Entrance(guards: GuardBook(queue), door: QueueDoor(queue), settings: settings)
    }

    /// Every route, and what stands before them.
    func router() -> Router<GatewayContext> {
        let counters = RequestCounters()
        let router = Router(context: GatewayContext.self)
        router.add(middleware: RequestLog(counters: counters, settings: settings))
        router.add(middleware: Crowd(maximum: settings.maximumRequests))
        let overview = OverviewBook { [queue] () async throws(QueueError) in try await queue.overview() }
        HealthRoutes(queue: queue, counters: counters, overview: overview).add(to: router)
        router.get("/openapi.json") { _, _ in Response(json: OpenAPIDocument.json) }
        let behindKeys = router.group().add(middleware: Explaining())
            .add(middleware: Authentication(keys: KeyRing(queue)))
            .add(middleware: RateLimiting(limiter: limiter))
        let wait = JobWait(queue: queue, watch: watch, departures: departures)
        ModelRoutes(
            queue: queue, submissions: submissions, watch: watch, departures: departures, settings: settings,
            counters: counters, entrance: entrance
        ).add(to: behindKeys)
        JobRoutes(
            queue: queue, submissions: submissions, watch: watch, departures: departures, wait: wait,
            settings: settings, entrance: entrance
        ).add(to: behindKeys)
        FileRoutes(queue: queue, settings: settings).add(to: behindKeys)
        BatchRoutes(queue: queue, settings: settings).add(to: behindKeys)
        RunPodRoutes(
            queue: queue, submissions: submissions, watch: watch, wait: wait, settings: settings, entrance: entrance
        ).add(to: behindKeys)
        WebhookRoutes(queue: queue, settings: settings).add(to: behindKeys)
        return router
    }

    /// Every route, like `GET /api/jobs/{id}`.
    package var routes: [String] { router().routes.map { "\($0.method) \($0.path)" } }

    /// Serves until the task is cancelled or graceful shutdown begins: then no new connections are taken, and requests under
    /// way are finished.
    ///
    /// - Throws: when the port is taken, or a certificate cannot be read.
    package func run() async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { await self.pool.run() }
            group.addTask { try await self.watch.run() }
            group.addTask { await self.submissions.run() }
            group.addTask {
                let sender = WebhookSender(allowsPrivate: self.settings.allowsPrivateWebhooks)
                await WebhookCourier(queue: self.queue, sender: sender, logger: self.logger).run()
            }
            group.addTask { await self.limiter.run() }
            group.addTask {
                await BatchProcessor(
                    pool: self.pool, queue: self.queue, entrance: self.entrance, limiter: self.limiter,
                    logger: self.logger
                ).run()
            }
            group.addTask {
                do {
                    try await self.serve(port: self.settings.port)
                } catch let error as IOError where error.errnoCode == EADDRINUSE && self.settings.takesOtherPort {
                    try await self.serve(port: 0)
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func serve(port: Int) async throws {
        let configuration = ApplicationConfiguration(
            address: .hostname(settings.host, port: port), serverName: "sluice",
            availableConnectionsDelegate: MaximumAvailableConnections(settings.maximumConnections))
        let http = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [
                    DepartureHandler(departures), SlowRequestHandler(grace: settings.bodyGrace),
                ],
                idleTimeout: .nanoseconds(settings.idleTimeout.nanoseconds),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: settings.maximumHeaderBytes.field,
                    maxHeaderListSize: settings.maximumHeaderBytes.all,
                    maxHeaderFieldCount: settings.maximumHeaderFields)))
        let server: HTTPServerBuilder
        if let certificate = settings.certificate {
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate.chain).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.key, format: .pem)))
            tls.minimumTLSVersion = .tlsv12
            server = try .tls(http, tlsConfiguration: tls)
        } else {
            server = http
        }
        let application = Application(
            router: router(), server: server, configuration: configuration,
            onServerRunning: { [isListening] channel in await isListening(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
