internal import BackendKit
internal import JSONText

/// Turns what an upstream refused or broke into the failure the queue is told of.
struct FailureJudge: Sendable {
    /// The longest error object that is passed on; longer ones are dropped, since half of one is not JSON.
    static let maximumBodyBytes = 65_536
    /// The most of the upstream's own words that is repeated.
    static let maximumWords = 600

    let redaction: Redaction

    /// The failure of an answer with `status`, which is not a success.
    func failure(status: Int, body: [UInt8], retryAfter: Duration?, location: String? = nil) -> BackendFailure {
        if 300..<400 ~= status {
            // Following it would send the key and the prompt to a place nobody configured.
            let place = location.map { " to \(Self.cut(Self.withoutQuery($0), 200))" } ?? ""
            return BackendFailure(
                .retryable, redaction.applied(to: "the upstream redirects\(place), which is not followed (\(status))"))
        }
        let error = UpstreamError(parsing: body)
        let errorClass = Self.errorClass(status: status, error?.condition)
        return failure(
            errorClass, "the upstream answered \(status)", error, body: body,
            retryAfter: errorClass == .rateLimited || errorClass == .retryable ? retryAfter : nil)
    }

    /// The failure of an answer that began well and then turned out to be `error`.
    func failure(inAnswer error: UpstreamError, body: [UInt8]) -> BackendFailure {
        failure(Self.errorClass(error), "the upstream broke the answer off", error, body: body, retryAfter: nil)
    }

    private func failure(
        _ errorClass: BackendFailure.Class, _ what: String, _ error: UpstreamError?, body: [UInt8],
        retryAfter: Duration?
    ) -> BackendFailure {
        guard errorClass != .auth else {
            // Of refused credentials nothing is repeated: some upstreams quote them in part.
            return BackendFailure(.auth, "\(what) and so refused the credentials")
        }
        var sentence = what
        var body = body
        switch error?.condition {
        case .contextLength?: sentence += ", because the request is longer than the model's context"
        case .contentFilter?: sentence += ", because its content filter refused the request"
        case nil: if let code = error?.code ?? error?.type { sentence += " (\(Self.cut(code, 80)))" }
        }
        if let words = error?.message { sentence += ": \(Self.cut(words, Self.maximumWords))" }
        if let error {
            let code = error.condition?.rawValue ?? error.code
            // As it came, unless it is not in OpenAI's form or does not say what it is.
            if JSONObjectEdit(body)?["error"]?.first != UInt8(ascii: "{") || code != error.code {
                body = error.json(code: code)
            }
        }
        body = redaction.applied(to: body)
        let isObject = body.count <= Self.maximumBodyBytes && body.withUnsafeBufferPointer(JSONCursor.isOneObject)
        return BackendFailure(
            errorClass, redaction.applied(to: sentence), retryAfter: retryAfter, body: isObject ? body : [])
    }

    /// The class of an HTTP status. A request that is too long or was filtered stays so whatever the status says.
    static func errorClass(status: Int, _ condition: UpstreamError.Condition? = nil) -> BackendFailure.Class {
        switch status {
        case 401, 402, 403, 407: .auth
        case 429: .rateLimited
        case _ where condition != nil: .invalidRequest
        case 408, 409, 425, 500...: .retryable
        case 400..<500: .invalidRequest
        default: .retryable
        }
    }

    /// The class of an error that came in place of an answer, or in the middle of one.
    static func errorClass(_ error: UpstreamError) -> BackendFailure.Class {
        if error.condition != nil { return .invalidRequest }
        if let code = error.code, let status = Int(code), 400..<600 ~= status { return errorClass(status: status) }
        let words = [error.code, error.type].compactMap { $0?.lowercased() }
        func say(_ parts: String...) -> Bool { words.contains { word in parts.contains { word.contains($0) } } }
        if say("rate_limit", "ratelimit", "insufficient_quota", "resource_exhausted") { return .rateLimited }
        if say("invalid_api_key", "authentication", "permission") { return .auth }
        if say("invalid_request", "badrequest", "invalid_argument", "unprocessable") { return .invalidRequest }
        return .retryable
    }

    /// The beginning of `text` as one line.
    private static func cut(_ text: String, _ limit: Int) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > limit ? line.prefix(limit) + "…" : line
    }

    private static func withoutQuery(_ text: String) -> String { String(text.prefix { $0 != "?" && $0 != "#" }) }
}
