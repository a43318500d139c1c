import Domain
import Queue

/// One job of a native submission: `{"model", "body", "kind", "priority", …}`. Pure.
struct JobSubmission {
    /// What is asked for, but for times, which are the database's to say.
    var request: JobRequest

    /// The members a submission may have.
    static let members = [
        "model", "body", "kind", "priority", "run_at", "deadline", "idempotency_key", "affinity", "max_attempts",
        "metadata", "stream", "webhook", "execution_ms", "ttl_ms",
    ]

    private static let paths = members.map { [$0] } + [["body", "model"]]

    /// Reads one object of `text`.
    ///
    /// - Throws: `GatewayFailure` with status 400 that names the member.
    init(_ text: [UInt8], tenant: String, maximumDepth: Int) throws(GatewayFailure) {
        let reader = try MemberReader(text, of: "A job", selecting: Self.paths, maximumDepth: maximumDepth)
        guard let body = reader.member(1), body.kind == .object else {
            throw .invalid("`body` has to be the request, an object as the OpenAI API takes it.", parameter: "body")
        }
        let named = try reader.string(Self.members.count, "body.model")
        guard let model = try reader.string(0, "model") ?? named else {
            throw .invalid("`model` says which model; without it `body.model` has to.", parameter: "model")
        }
        request = JobRequest(model: model, payload: reader.raw(body))
        request.tenant = tenant
        if let word = try reader.string(2, "kind") {
            guard let kind = JobKind(rawValue: word) else {
                throw .invalid(
                    "`kind` is one of \(JobKind.allCases.map(\.rawValue).joined(separator: ", ")).", parameter: "kind")
            }
            request.kind = kind
        }
        if let number = try reader.integer(3, "priority", 0...4) {
            request.priority = Priority(rawValue: Int16(number)) ?? .normal
        }
        request.runAt = try reader.time(4, "run_at")
        request.deadline = try reader.time(5, "deadline")
        request.idempotencyKey = try reader.string(6, "idempotency_key")
        request.affinity = try reader.string(7, "affinity")
        request.maximumAttempts = try reader.integer(8, "max_attempts", 1...100)
        if let metadata = reader.member(9) { request.metadata = reader.raw(metadata) }
        request.isStreaming = try reader.flag(10, "stream")
        request.webhook = try reader.webhook(11, "webhook", form: .standard)
        request.executionLimit = try reader.integer(12, "execution_ms", Self.milliseconds).map { .milliseconds($0) }
        request.timeToLive = try reader.integer(13, "ttl_ms", Self.milliseconds).map { .milliseconds($0) }
        guard request.deadline == nil || request.timeToLive == nil else {
            throw .invalid("`deadline` and `ttl_ms` say the same thing: leave one out.", parameter: "ttl_ms")
        }
    }

    /// Times a job may be given: up to 7 days.
    static let milliseconds = 1...604_800_000
}
