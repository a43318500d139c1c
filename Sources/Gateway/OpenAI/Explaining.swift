import Hummingbird
import Queue

/// Turns what the queue says into what a client is told.
struct Explaining: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch let error as QueueError { throw GatewayFailure(error) }
    }
}
