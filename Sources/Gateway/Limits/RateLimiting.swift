import HTTPTypes
import Hummingbird

/// Charges requests to the limits of their key and tenant, where `RouteCharge` says so.
struct RateLimiting: RouterMiddleware {
    let limiter: Limiter

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let caller = context.caller, !caller.limits.isEmpty,
            RouteCharge.isCharged(request.method, context.endpointPath ?? "")
        else { return try await next(request, context) }
        let charge: RequestCharge
        do {
            charge = try await limiter.enter(caller.limits)
        } catch {
            // Who is refused has no charge, and needs to know more than others what is left.
            let left = limiter.headers(caller.limits)
            context.visit.note { $0.limits = left }
            throw error
        }
        context.visit.note { $0.charge = charge }
        return try await next(request, context)
    }
}
