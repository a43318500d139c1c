import Admission
import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Queue
import Telemetry

/// Counts every request, logs a line when it begins and one when it has been answered to the end, and writes the headers
/// that every answer has. Never logged: keys, queries, and, unless that is switched on, bodies.
struct RequestLog: RouterMiddleware {
    let counters: RequestCounters
    let settings: GatewaySettings

    @concurrent
    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let visit = context.visit
        let line = Line(request, context, client: client(of: request, context))
        line.begin()
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
        } catch is CancellationError {
            // Nobody hears it; what is counted and logged should not look like a fault of ours.
            response = Response(status: .init(code: 499, reasonPhrase: "Client Closed Request"))
        } catch {
            // The request could not be read: the server answers that, where somebody is there to hear it.
            visit.notes.charge?.settle(used: 0)
            visit.notes.charge?.end()
            line.end(nil, visit, error: error)
            throw error
        }
        let notes = visit.notes
        // Nothing was queued: it cost no tokens.
        if response.status.code >= 400, notes.job == nil { notes.charge?.settle(used: 0) }
        // A stream is over when its last piece was sent.
        let isStream = response.body.contentLength == nil
        if !isStream { notes.charge?.end() }
        response.headers[.requestID] = context.id
        for (name, value) in notes.charge?.headers ?? notes.limits {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        if !notes.clamped.isEmpty { response.headers[.clamped] = notes.clamped.joined(separator: ", ") }
        counters.answered(response.status, after: ContinuousClock.now - visit.began)
        let status = response.status
        guard isStream else {
            line.end(status, visit)
            return response
        }
        let body = response.body
        response.body = ResponseBody { writer in
            defer {
                notes.charge?.end()
                line.end(status, visit)
            }
            try await body.write(writer)
        }
        return response
    }

    private func client(of request: Request, _ context: GatewayContext) -> String {
        settings.proxies.client(
            peer: context.channel.remoteAddress?.ipAddress ?? "", forwardedFor: request.headers[.forwardedFor])
    }

    /// The two lines of one request.
    private struct Line: Sendable {
        let logger: Logger
        let metadata: Logger.Metadata

        init(_ request: Request, _ context: GatewayContext, client: String) {
            logger = context.logger
            metadata = [
                LogKey.request: "\(context.id)", "method": "\(request.method)", LogKey.path: "\(request.uri.path)",
                "client": "\(client)",
            ]
        }

        func begin() { logger.info("A request began.", metadata: metadata) }

        func end(_ status: HTTPResponse.Status?, _ visit: Visit, error: (any Error)? = nil) {
            guard logger.logLevel <= .info else { return }
            let notes = visit.notes
            var metadata = metadata
            func add(_ key: String, _ value: (some CustomStringConvertible)?) {
                if let value { metadata[key] = "\(value)" }
            }
            add("status", status?.code)
            // What kind of error, not what it says: that may quote the request.
            add(LogKey.error, error.map { "\(type(of: $0))" })
            add(LogKey.durationMilliseconds, (ContinuousClock.now - visit.began).wholeMilliseconds)
            add(LogKey.tenant, notes.caller?.tenant)
            add("key.id", notes.caller?.key)
            add(LogKey.model, notes.model)
            add(LogKey.job, notes.job)
            add("prompt.characters", notes.promptCharacters)
            add("outcome", notes.result?.state.rawValue)
            add(LogKey.attempt, notes.result?.attempt)
            add("queue.ms", notes.result?.queuedMilliseconds)
            add("run.ms", notes.result?.runMilliseconds)
            add("tokens.prompt", notes.result?.promptTokens)
            add("tokens.completion", notes.result?.completionTokens)
            add("request.body", notes.request)
            add("answer.body", notes.answer)
            logger.info("A request ended.", metadata: metadata)
        }
    }
}

extension HTTPField.Name {
    // swift-format-ignore: NeverForceUnwrap
    fileprivate static let requestID = Self("X-Request-Id")!
    // swift-format-ignore: NeverForceUnwrap
    fileprivate static let clamped = Self("X-Sluice-Clamped")!
    // swift-format-ignore: NeverForceUnwrap
    fileprivate static let forwardedFor = Self("X-Forwarded-For")!
}
