import Domain
import Postgres
import Queue

/// What is sent for a delivery. Pure.
struct WebhookMessage: Sendable {
    /// A larger answer is left out of the message and can be fetched from `/api/jobs/ID`.
    static let maximumResultBytes = 1 << 20

    /// The same for every try of a delivery: by it a receiver knows what it has seen already.
    let id: String
    let payload: [UInt8]
    let headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - job: as it is now; nil when it is gone.
    ///   - result: how it ended, unless it was retried meanwhile.
    init(_ webhook: ClaimedWebhook, job: JobStatus?, result: JobResult?) {
        id = "msg_\(webhook.id)"
        var result = result?.attempt == webhook.jobAttempt ? result : nil
        let isLarge = (result?.body?.count ?? 0) > Self.maximumResultBytes
        if isLarge { result?.body = nil }
        let document: JSONOutput
        switch webhook.form {
        case .standard:
            var members: [JSONOutput.Member] = []
            if case .object(let known)? = job?.document(result: result) { members = known }
            members.removeAll { $0.name == "id" || $0.name == "state" }
            members.insert(.init("id", .integer(webhook.job)), at: 0)
            members.insert(.init("state", .string(webhook.jobState.rawValue)), at: 1)
            if isLarge { members.append(.init("result_omitted", true)) }
            document = [
                "type": .string("job.\(webhook.jobState.rawValue)"), "timestamp": .string("\(webhook.createdAt)"),
                "data": .object(members),
            ]
        case .runpod:
            document = .object(
                job?.runPodDocument(result: result) ?? [
                    .init("id", .string("\(webhook.job)")),
                    .init("status", .string(RunPodStatus(webhook.jobState, nil).rawValue)),
                ])
        }
        var bytes: [UInt8] = []
        document.append(to: &bytes)
        payload = bytes
        let timestamp = webhook.now.wholeUnixSeconds
        headers = [
            ("content-type", "application/json"), ("user-agent", "sluice-webhooks"), ("webhook-id", id),
            ("webhook-timestamp", "\(timestamp)"),
            (
                "webhook-signature",
                WebhookSignature.header(id: id, timestamp: timestamp, payload: bytes, secrets: webhook.secrets)
            ),
        ]
    }
}
