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

    /// What a delivery tells of, as it is when it is sent.
    enum News: Sendable {
        /// A job; nil when it is gone. `result` is how it ended, unless it was retried meanwhile.
        case job(JobStatus?, result: JobResult?)
        /// A batch; nil when it is gone.
        case batch(BatchRecord?)
    }

    init(_ webhook: ClaimedWebhook, _ news: News) {
        id = "msg_\(webhook.id)"
        let document =
            switch (webhook.subject, news) {
            case (.job(let job, let attempt, let state), .job(let status, let result)):
                Self.document(
                    webhook, job, state, status, result: result?.attempt == attempt ? result : nil)
            case (.job(let job, _, let state), .batch): Self.document(webhook, job, state, nil, result: nil)
            case (.batch(let batch, let state), .batch(let record)): Self.document(webhook, batch, state, record)
            case (.batch(let batch, let state), .job): Self.document(webhook, batch, state, nil)
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

    private static func document(
        _ webhook: ClaimedWebhook, _ number: Int64, _ state: JobState, _ job: JobStatus?, result: JobResult?
    ) -> JSONOutput {
        var result = result
        let isLarge = (result?.body?.count ?? 0) > maximumResultBytes
        if isLarge { result?.body = nil }
        switch webhook.form {
        case .standard:
            var members: [JSONOutput.Member] = []
            if case .object(let known)? = job?.document(result: result) { members = known }
            members.removeAll { $0.name == "id" || $0.name == "state" }
            members.insert(.init("id", .integer(number)), at: 0)
            members.insert(.init("state", .string(state.rawValue)), at: 1)
            if isLarge { members.append(.init("result_omitted", true)) }
            return event("job.\(state.rawValue)", webhook, members)
        case .runpod:
            return .object(
                job?.runPodDocument(result: result) ?? [
                    .init("id", .string("\(number)")),
                    .init("status", .string(RunPodStatus(state, nil).rawValue)),
                ])
        }
    }

    /// As OpenAI names it; its data is the batch as `/v1/batches/ID` shows it, with the state it ended in.
    private static func document(
        _ webhook: ClaimedWebhook, _ number: Int32, _ state: BatchProgress.State, _ batch: BatchRecord?
    ) -> JSONOutput {
        var members: [JSONOutput.Member] = []
        if case .object(let known)? = batch?.document { members = known }
        members.removeAll { $0.name == "id" || $0.name == "status" }
        members.insert(.init("id", .string(PublicID.batch.text(number))), at: 0)
        members.insert(.init("status", .string(state.status)), at: 1)
        return event("batch.\(state.rawValue)", webhook, members)
    }

    private static func event(
        _ type: String, _ webhook: ClaimedWebhook, _ members: [JSONOutput.Member]
    ) -> JSONOutput {
        ["type": .string(type), "timestamp": .string("\(webhook.createdAt)"), "data": .object(members)]
    }
}
