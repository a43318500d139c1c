import Admission
import BatchFile
import BatchLoading
import Domain
import HTTPTypes
import Queue
import Synchronization

/// Lets the lines of a batch file in as single requests are: each past its model's guard, into the bound of what may wait,
/// and charged to the limits of the key that ordered the batch and of its tenant.
///
/// A line that no later try can help is refused with the words a single request would hear. Where the queue is full or a
/// limit is reached, the batch waits: it asks twice a second, until its turn is over. Of a minute's requests and tokens it
/// leaves half to single requests. Requests at a time are those of connections, of which a line has none.
final class BatchGate: LineGate {
    private let entrance: Entrance
    private let limiter: Limiter
    private let limits: [LimitSetting]
    private let tenant: String
    /// When the batch has to make room for others instead of waiting on.
    private let turnEnds: ContinuousClock.Instant
    /// Places in the queue, by model, that no line has yet.
    private let places = Mutex<[String: [QueueDoor.Pass]]>([:])

    /// How long a batch may wait for room before others have their turn.
    static let turn = Duration.seconds(30)
    private static let pause = Duration.milliseconds(500)
    /// Places that are asked for at a time: one by one each might need a count of its own.
    private static let placesAtATime = 256

    /// A gate for a batch of `tenant` whose turn begins now.
    init(entrance: Entrance, limiter: Limiter, limits: [LimitSetting], tenant: String) {
        (self.entrance, self.limiter, self.limits, self.tenant) = (entrance, limiter, limits, tenant)
        turnEnds = .now + Self.turn
    }

    /// What one try to let a line in came to.
    private enum Entry {
        case passed(QueueDoor.Pass)
        case refused(GatewayFailure)
        case full
    }

    /// A line that was held against its model's guard.
    private enum Checked {
        case passed(JobRequest, tokens: Int)
        case refused(GatewayFailure)
    }

    func judge(_ line: BatchLine, isFirst: Bool) async throws -> LineVerdict {
        switch try await check(line) {
        case .refused(let failure): .refused(LineRefusal(failure))
        case .passed(let request, let tokens): try await entry(of: request, tokens: tokens, mayWait: isFirst)
        }
    }

    private func entry(of request: JobRequest, tokens: Int, mayWait: Bool) async throws -> LineVerdict {
        while true {
            switch try await enter(request, tokens: tokens) {
            case .passed(let pass): return .admitted(body: request.payload, pass: pass)
            case .refused(let failure): return .refused(LineRefusal(failure))
            case .full: break
            }
            // Places that are not used are not kept from others.
            places.withLock { $0 = [:] }
            guard mayWait, ContinuousClock.now + Self.pause < turnEnds else { return .later }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// The request of a line and the tokens it may cost, or why there is none.
    ///
    /// - Throws: `GatewayFailure` with status 503.
    private func check(_ line: BatchLine) async throws(GatewayFailure) -> Checked {
        do {
            return try await request(of: line)
        } catch {
            guard error.status.kind == .clientError else { throw error }
            return .refused(error)
        }
    }

    private func request(of line: BatchLine) async throws(GatewayFailure) -> Checked {
        let asked = try ModelRequest(line.body, kind: line.kind, maximumDepth: entrance.settings.maximumDepth)
        var request = JobRequest(model: line.model, payload: asked.body)
        (request.kind, request.tenant, request.priority) = (line.kind, tenant, .batch)
        let passed = try await entrance.check(&request)
        return .passed(request, tokens: passed.estimatedTokens)
    }

    private func enter(_ request: JobRequest, tokens: Int) async throws(GatewayFailure) -> Entry {
        guard limiter.hasRoom(limits) else { return .full }
        do {
            return .passed(try await pass(request, tokens: tokens))
        } catch {
            guard error.status == .tooManyRequests else { throw error }
            // Without a time to come back there never is one.
            return error.retryAfter == nil ? .refused(error) : .full
        }
    }

    private func pass(_ request: JobRequest, tokens: Int) async throws(GatewayFailure) -> QueueDoor.Pass {
        let pass = try await place(for: request)
        try await limiter.take(RateCost(requests: 1, tokens: tokens), of: limits)
        return pass
    }

    private func place(for request: JobRequest) async throws(GatewayFailure) -> QueueDoor.Pass {
        if let pass = places.withLock({ $0[request.model]?.popLast() }) { return pass }
        var passes = try await entrance.door.admit(
            upTo: Self.placesAtATime, tenant: tenant, model: request.model,
            priority: Int(request.priority.rawValue))
        let pass = passes.removeLast()
        places.withLock { [passes] in $0[request.model] = passes }
        return pass
    }
}

extension QueueDoor.Pass: LinePass {}

extension LineRefusal {
    fileprivate init(_ failure: GatewayFailure) {
        var body: [UInt8] = []
        failure.json.append(to: &body)
        self.init(
            errorClass: failure.status == .tooManyRequests ? .rateLimited : .invalidRequest, message: failure.message,
            body: body)
    }
}
