import Domain
import Queue

/// A job as clients of RunPod's serverless endpoints submit it: `{"input", "webhook", "policy"}`. Pure.
///
/// What `input` becomes:
///
/// | `input` | the request | its kind |
/// | --- | --- | --- |
/// | `openai_route` and `openai_input` | `openai_input` | that of the route, such as `/v1/embeddings` |
/// | has `messages` | `input` as it is | chat |
/// | has `prompt` | `input` as it is | completion |
/// | anything else | `input` as it is | chat |
///
/// `"stream": true` in the request keeps the pieces of the answer for `/stream`. `policy.ttl` is the deadline,
/// `policy.executionTimeout` the time one attempt may run, `policy.lowPriority` the last priority, 4. What else there is
/// (`s3Config`) is passed over, as an endpoint that does not use it would.
struct RunPodSubmission {
    var request: JobRequest

    private static let paths = [
        ["input"], ["webhook"], ["policy"], ["policy", "executionTimeout"], ["policy", "ttl"],
        ["policy", "lowPriority"], ["input", "messages"], ["input", "prompt"], ["input", "stream"],
        ["input", "openai_route"], ["input", "openai_input"], ["input", "openai_input", "stream"],
    ]

    /// Reads `text`.
    ///
    /// - Parameter isSynchronous: whether somebody waits for the answer.
    /// - Throws: `GatewayFailure` with status 400 that names the member.
    init(
        _ text: [UInt8], model: String, tenant: String, isSynchronous: Bool, maximumDepth: Int
    ) throws(GatewayFailure) {
        let reader = try MemberReader(text, of: "The request body", selecting: Self.paths, maximumDepth: maximumDepth)
        guard let input = try reader.object(0, "input") else {
            throw .invalid("`input` has to be the request, an object.", parameter: "input")
        }
        if let route = try reader.string(9, "input.openai_route") {
            guard let kind = JobKind(path: route) else {
                throw .invalid(
                    "`input.openai_route` is one of \(JobKind.allCases.map(\.path).joined(separator: ", ")).",
                    parameter: "input.openai_route")
            }
            guard let body = try reader.object(10, "input.openai_input") else {
                throw .invalid("`input.openai_input` has to be the request.", parameter: "input.openai_input")
            }
            request = JobRequest(model: model, payload: reader.raw(body))
            request.kind = kind
            request.isStreaming = try reader.flag(11, "input.openai_input.stream")
        } else {
            request = JobRequest(model: model, payload: reader.raw(input))
            request.kind = reader.member(6) == nil && reader.member(7) != nil ? .completion : .chat
            request.isStreaming = try reader.flag(8, "input.stream")
        }
        request.tenant = tenant
        request.priority = isSynchronous ? .interactive : .normal
        request.webhook = try reader.webhook(1, "webhook", form: .runpod)
        _ = try reader.object(2, "policy")
        request.executionLimit = try reader.integer(3, "policy.executionTimeout", JobSubmission.milliseconds)
            .map { .milliseconds($0) }
        request.timeToLive = try reader.integer(4, "policy.ttl", JobSubmission.milliseconds)
            .map { .milliseconds($0) }
        if try reader.flag(5, "policy.lowPriority") { request.priority = .low }
    }
}
