import Admission
import HTTPTypes
import Hummingbird
import Queue

/// Lets in whoever has a key with the scope the route needs, and says who that is.
struct Authentication: RouterMiddleware {
    let keys: KeyRing

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let key = Self.key(in: request.headers) else { throw GatewayFailure.unauthorized }
        var context = context
        do {
            context.caller = try await keys.owner(of: key)
        } catch let error as QueueError {
            throw GatewayFailure(error)
        }
        guard let caller = context.caller else { throw GatewayFailure.unauthorized }
        context.visit.note { $0.caller = caller }
        let scope = RouteScope.scope(request.method, context.endpointPath ?? "")
        guard scope.isGranted(by: caller.scopes) else { throw GatewayFailure.forbidden(scope) }
        return try await next(request, context)
    }

    private static func key(in headers: HTTPFields) -> String? {
        guard let value = headers[.authorization] else { return nil }
        let words = value.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}
