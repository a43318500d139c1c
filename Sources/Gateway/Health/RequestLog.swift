import Hummingbird
import Logging
import Queue

/// Counts every request and logs one line when it has been answered: never bodies, keys or queries.
struct RequestLog: RouterMiddleware {
    let counters: RequestCounters

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch let failure as GatewayFailure {
            response = failure.response(from: request, context: context)
        } catch let error as HTTPError {
            response = GatewayFailure(
                status: error.status, message: error.body ?? "There is nothing at \(request.uri.path).",
                type: "invalid_request_error", code: error.status == .notFound ? "not_found" : nil
            ).response(from: request, context: context)
        }
        let took = ContinuousClock.now - start
        counters.answered(response.status, after: took)
        context.logger.info(
            "A request was answered.",
            metadata: [
                "method": "\(request.method)", "path": "\(request.uri.path)", "status": "\(response.status.code)",
                "milliseconds": "\(took.wholeMilliseconds)",
            ])
        return response
    }
}
