import Domain
import HTTPTypes
import Hummingbird
import Queue

/// `/health` and `/metrics`, without a key: they tell how the service is, nothing of anybody's jobs.
struct HealthRoutes: Sendable {
    let queue: Queue
    let counters: RequestCounters
    let overview: OverviewBook

    func add(to router: some RouterMethods<GatewayContext>) {
        router.get("/health/live") { _, _ in Response(["status": "ok"]) }
        router.get("/health/ready") { _, _ in
            do {
                try await self.queue.checkReady()
                return Response(["status": "ok"])
            } catch {
                throw GatewayFailure(error)
            }
        }
        router.get("/health") { _, _ in await self.health() }
        router.get("/metrics") { _, _ in
            do {
                let text = MetricsText.render(try await self.overview.rows(), self.counters.snapshot)
                return Response(
                    status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                    body: .init(byteBuffer: ByteBuffer(string: text)))
            } catch {
                throw GatewayFailure(error)
            }
        }
    }

    /// Each part with its status and reason.
    private func health() async -> Response {
        do {
            let rows = try await overview.rows()
            var deployments: [JSONOutput] = []
            var isWell = true
            for row in rows {
                guard let name = row.deployment else { continue }
                let reason: String? =
                    row.paused
                    ? "paused"
                    : row.workersLive < row.workersWanted ? "\(row.workersLive) of \(row.workersWanted) workers" : nil
                if reason != nil { isWell = false }
                deployments.append([
                    "name": .string(name), "model": .string(row.model), "status": reason == nil ? "ok" : "degraded",
                    "reason": reason.map(JSONOutput.string) ?? .null,
                ])
            }
            return Response([
                "status": isWell ? "ok" : "degraded",
                "parts": ["database": ["status": "ok"], "deployments": .array(deployments)],
            ])
        } catch {
            let failure = GatewayFailure(error)
            return Response(
                [
                    "status": "down",
                    "parts": ["database": ["status": "down", "reason": .string(failure.message)]],
                ], status: .serviceUnavailable)
        }
    }
}
