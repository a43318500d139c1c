import HTTPTypes
import Hummingbird
import Synchronization

/// Bounds how many requests are served at a time, until their answers begin: one more is told to come back. Streams are
/// bounded by connections. Whoever watches over this gateway is always let in: a full one lives, and is ready.
struct Crowd: RouterMiddleware {
    private final class Count: Sendable {
        let requests = Atomic(0)
    }

    private static let probes: Set<String> = ["/health/live", "/health/ready"]

    let maximum: Int
    private let count = Count()

    init(maximum: Int) { self.maximum = maximum }

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard !Self.probes.contains(request.uri.path) else { return try await next(request, context) }
        let count = count
        guard count.requests.add(1, ordering: .relaxed).newValue <= maximum else {
            count.requests.subtract(1, ordering: .relaxed)
            throw GatewayFailure(
                status: .serviceUnavailable, message: "This gateway serves as many requests as it can; try again.",
                type: "server_error", code: "overloaded", retryAfter: 1)
        }
        defer { count.requests.subtract(1, ordering: .relaxed) }
        return try await next(request, context)
    }
}
