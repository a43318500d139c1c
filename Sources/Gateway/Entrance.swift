import Admission
import Domain
import HTTPTypes
import Hummingbird
import Queue

/// What every job has to pass before it is queued: its model's guard, the bound of what may wait, and the limits of tokens.
struct Entrance: Sendable {
    let guards: GuardBook
    let door: QueueDoor
    let settings: GatewaySettings

    /// Lets `request` in, changed as its model's guard says.
    ///
    /// - Parameter isFirst: Whether the request it came in was charged for it; another of the same call costs one more.
    /// - Throws: `GatewayFailure` with status 400, 413 or 429, or 503 when nobody knows.
    func admit(
        _ request: inout JobRequest, _ context: GatewayContext, isFirst: Bool = true
    ) async throws(GatewayFailure) {
        let passed = try await check(&request)
        let model = request.model
        let text = settings.logsBodies ? Visit.excerpt(passed.body) : nil
        context.visit.note { notes in
            notes.model = model
            notes.promptCharacters = (notes.promptCharacters ?? 0) + passed.promptCharacters
            if let text { notes.request = text }
            let clamped = passed.clamped.map { "\($0.member)=\($0.value)" } + passed.stripped.map { "\($0)=" }
            for word in clamped where !notes.clamped.contains(word) { notes.clamped.append(word) }
        }
        let pass = try await door.admit(
            tenant: request.tenant, model: model, priority: Int(request.priority.rawValue))
        context.visit.note { $0.passes.append(pass) }
        try await context.visit.notes.charge?.take(
            RateCost(requests: isFirst ? 0 : 1, tokens: passed.estimatedTokens))
    }

    /// Queues `job` again in `queue`, as one more that waits.
    ///
    /// - Throws: `GatewayFailure` with status 429 when too many wait, or 503 when nobody knows; what `Queue.retry` throws.
    func retry(_ job: JobStatus, in queue: Queue) async throws {
        let pass = try await door.admit(tenant: job.tenant, model: job.model, priority: Int(job.priority))
        try await queue.retry(job.id)
        pass.queued()
    }

    /// Changes `request` as its model's guard says, and tells what it came to.
    ///
    /// - Throws: `GatewayFailure` with status 400 or 413, or 503 when nobody knows.
    func check(_ request: inout JobRequest) async throws(GatewayFailure) -> GuardedRequest {
        let rules = try await guards.rules(for: request.model)
        do {
            let passed = try rules.check(request.payload, kind: request.kind, depth: settings.maximumDepth)
            request.payload = passed.body
            return passed
        } catch {
            throw GatewayFailure(error)
        }
    }
}

extension GatewayFailure {
    fileprivate init(_ refusal: GuardRefusal) {
        self.init(
            status: refusal.code == "body_too_large" ? .contentTooLarge : .badRequest, message: refusal.message,
            type: "invalid_request_error", code: refusal.code, parameter: refusal.parameter)
    }
}
