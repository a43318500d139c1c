internal import BackendKit
internal import JSONText

/// What is known of the upstream from how requests ended: its health, and counts.
struct UpstreamRecord: Sendable {
    /// As many failures in a row as make the instance call itself failing.
    static let failuresInARow = 5

    private(set) var requests = 0
    private(set) var open = 0
    private(set) var succeeded = 0
    private(set) var cancelled = 0
    private(set) var failed: [BackendFailure.Class: Int] = [:]
    private(set) var promptTokens = 0
    private(set) var completionTokens = 0
    private(set) var estimatedUsages = 0
    private(set) var answerBytes = 0
    private(set) var chunks = 0
    /// Failures of the upstream, not of requests, since it last answered.
    private(set) var row = 0
    private var lastClass: BackendFailure.Class?
    private var quietUntil: ContinuousClock.Instant?

    /// Notes that a request has begun.
    mutating func began() {
        requests += 1
        open += 1
    }

    /// Notes an answer.
    mutating func succeeded(_ usage: AnswerUsage) {
        open -= 1
        succeeded += 1
        row = 0
        lastClass = nil
        quietUntil = nil
        promptTokens += usage.prompt
        completionTokens += usage.completion
        if usage.isEstimated { estimatedUsages += 1 }
    }

    /// Notes a failure at `now`.
    mutating func failed(_ failure: BackendFailure, at now: ContinuousClock.Instant) {
        open -= 1
        failed[failure.errorClass, default: 0] += 1
        switch failure.errorClass {
        case .invalidRequest, .unsupported:
            // The upstream works: it read the request and judged it.
            row = 0
        case .rateLimited, .overloaded:
            quietUntil = max(quietUntil ?? now, now + (failure.retryAfter ?? .seconds(1)))
        case .retryable, .auth, .fatal:
            row += 1
            lastClass = failure.errorClass
        }
    }

    /// Notes a request that was cancelled.
    mutating func wasCancelled() {
        open -= 1
        cancelled += 1
    }

    /// Notes bytes of an answer, and chunks passed on.
    mutating func received(bytes: Int, chunks: Int) {
        answerBytes += bytes
        self.chunks += chunks
    }

    /// How the upstream is at `now`: failing after some failures in a row, or one refusal of all credentials; strained
    /// while it asked to wait.
    func health(at now: ContinuousClock.Instant) -> ServiceHealth {
        let isRefused = row > 0 && lastClass == .auth
        let isWaiting = quietUntil.map { now < $0 } ?? false
        let state: ServiceHealth.State =
            row >= Self.failuresInARow || isRefused ? .failing : isWaiting ? .strained : .well
        var text: [UInt8] = []
        text.append("{\"failures_in_a_row\":")
        text.appendDecimal(row)
        text.append(",\"rate_limited\":")
        text.append(isWaiting ? "true" : "false")
        text.append(",\"credentials_refused\":")
        text.append(isRefused ? "true}" : "false}")
        return ServiceHealth(state, detail: text)
    }

    /// The counts as a flat JSON object.
    func json(rotations: Int) -> [UInt8] {
        var counts = [
            ("requests", requests), ("open", open), ("succeeded", succeeded), ("cancelled", cancelled),
        ]
        for errorClass in BackendFailure.Class.allCases {
            counts.append(("failed_\(errorClass.counterName)", failed[errorClass] ?? 0))
        }
        counts += [
            ("prompt_tokens", promptTokens), ("completion_tokens", completionTokens),
            ("estimated_usages", estimatedUsages), ("answer_bytes", answerBytes), ("chunks", chunks),
            ("key_rotations", rotations),
        ]
        var text: [UInt8] = []
        for (name, count) in counts {
            text.append(text.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            text.appendJSONString(name)
            text.append(UInt8(ascii: ":"))
            text.appendDecimal(count)
        }
        text.append(UInt8(ascii: "}"))
        return text
    }
}

extension BackendFailure.Class {
    /// The word for the class in names of counts.
    var counterName: String {
        switch self {
        case .retryable: "retryable"
        case .rateLimited: "rate_limited"
        case .invalidRequest: "invalid_request"
        case .auth: "auth"
        case .unsupported: "unsupported"
        case .overloaded: "overloaded"
        case .fatal: "fatal"
        }
    }
}
