import Admission
import Domain
import HTTPTypes
import Hummingbird
import Queue

/// Why a request is not served, in the form OpenAI's clients know: `{"error": {"message", "type", "param", "code"}}`.
struct GatewayFailure: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    /// One sentence that says what to do.
    let message: String
    /// The error's type, of those OpenAI names.
    let type: String
    /// The error's code; nil where OpenAI has none.
    var code: String?
    /// The parameter at fault.
    var parameter: String?
    /// Seconds after which another try makes sense.
    var retryAfter: Int?
    /// More members of the error object, for programs.
    var details: [JSONOutput.Member] = []

    static let unauthorized = GatewayFailure(
        status: .unauthorized, message: "Give a valid key: Authorization: Bearer sk-…. `sluice keys create` makes one.",
        type: "invalid_request_error", code: "invalid_api_key")

    /// The key may not do this.
    static func forbidden(_ scope: KeyScope) -> GatewayFailure {
        GatewayFailure(
            status: .forbidden, message: "This key has not the scope \(scope.rawValue), which this needs.",
            type: "invalid_request_error", code: "insufficient_scope")
    }

    /// The request cannot work as it is.
    static func invalid(_ message: String, parameter: String? = nil, code: String? = nil) -> GatewayFailure {
        GatewayFailure(
            status: .badRequest, message: message, type: "invalid_request_error", code: code, parameter: parameter)
    }

    /// There is no such thing, or it is somebody else's: nobody is told which.
    static func notFound(_ what: String) -> GatewayFailure {
        GatewayFailure(
            status: .notFound, message: "There is no \(what).", type: "invalid_request_error", code: "not_found")
    }

    /// The attempt whose pieces a client has read was given up; `place` says where the whole answer will be.
    static func restarted(_ place: String) -> GatewayFailure {
        GatewayFailure(
            status: .badGateway,
            message: "The worker was lost and the answer begins again: read it at \(place), or try again.",
            type: "server_error", code: "stream_restarted")
    }

    static let tooLarge = GatewayFailure(
        status: .contentTooLarge, message: "The request body is larger than this gateway takes.",
        type: "invalid_request_error", code: "request_too_large")

    /// The object that is sent.
    var json: JSONOutput {
        let members: [JSONOutput.Member] = [
            .init("message", .string(message)), .init("type", .string(type)),
            .init("param", parameter.map(JSONOutput.string) ?? .null),
            .init("code", code.map(JSONOutput.string) ?? .null),
        ]
        return ["error": .object(members + details)]
    }

    func response(from request: Request, context: some RequestContext) -> Response {
        var response = Response(json, status: status)
        if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}

extension GatewayFailure {
    /// What an error means to whoever asked.
    init(_ error: any Error) {
        if let failure = error as? GatewayFailure {
            self = failure
            return
        }
        guard let error = error as? QueueError else {
            self.init(
                status: .internalServerError, message: "The gateway failed with \(Swift.type(of: error)).",
                type: "server_error", code: "internal_error")
            return
        }
        switch error.code {
        case .unknownModel:
            self.init(
                status: .notFound, message: error.message, type: "invalid_request_error", code: "model_not_found",
                parameter: "model")
        case .invalidArgument, .unknownTenant, .invalidData:
            self = .invalid(error.message)
        case .idempotencyKeyReused:
            self.init(
                status: .conflict, message: error.message, type: "invalid_request_error", code: "idempotency_key_reused"
            )
        case .notFound: self = .notFound("such job")
        case .notRetriable, .busy:
            self.init(status: .conflict, message: error.message, type: "invalid_request_error", code: "conflict")
        case .schemaMismatch:
            self.init(
                status: .serviceUnavailable,
                message:
                    "The database does not have the schema of this gateway's version: migrate it, or upgrade the gateway.",
                type: "server_error", code: "unavailable", retryAfter: 1)
        case .unavailable:
            self.init(
                status: .serviceUnavailable, message: "The queue's database cannot be reached; try again.",
                type: "server_error", code: "unavailable", retryAfter: 1)
        default:
            self.init(
                status: .internalServerError, message: "The queue's database refused what should work.",
                type: "server_error", code: "internal_error")
        }
    }
}

extension Response {
    /// An answer of one JSON value.
    init(_ json: JSONOutput, status: HTTPResponse.Status = .ok) {
        var bytes: [UInt8] = []
        json.append(to: &bytes)
        self.init(json: bytes, status: status)
    }

    /// An answer of JSON that is text already.
    init(json: [UInt8], status: HTTPResponse.Status = .ok) {
        self.init(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json)))
    }
}
