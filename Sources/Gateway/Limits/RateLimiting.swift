import HTTPTypes
import Hummingbird

/// Charges requests that make or change something to the limits of their key and tenant. Those that look are free: they
/// are bounded by what waits for them.
struct RateLimiting: RouterMiddleware {
    let limiter: Limiter

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let caller = context.caller, !caller.limits.isEmpty, Self.isCharged(request) else {
            return try await next(request, context)
        }
        let charge = try await limiter.enter(caller.limits)
        context.visit.note { $0.charge = charge }
        return try await next(request, context)
    }

    /// Whoever gives something up is not to be kept from it.
    private static func isCharged(_ request: Request) -> Bool {
        request.method == .post && !request.uri.path.hasSuffix("/cancel")
    }
}
