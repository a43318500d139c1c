import HTTPTypes
import Hummingbird
import Synchronization

/// Bounds how many requests are served at a time, until their answers begin: one more is told to come back. Streams are
/// bounded by connections.
struct Crowd: RouterMiddleware {
    private final class Count: Sendable {
        let requests = Atomic(0)
    }

    let maximum: Int
    private let count = Count()

    init(maximum: Int) { self.maximum = maximum }

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
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
