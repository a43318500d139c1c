import BackendKit
import Glibc
import JSONText
import Synchronization

/// Answers requests without a model; see README.md for what it can be told to do.
final class MockService: BackendService {
    static let descriptor = ServiceDescriptor(
        name: "mock",
        version: "1.0.0",
        kinds: [.chat, .completion, .embedding, .response],
        canStream: true,
        maximumConcurrency: 4_096,
        preferredBatch: 64
    )

    let configuration: MockConfiguration
    private let draws: Atomic<UInt64>
    private let requests = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)
    private let leaked = Atomic<Int>(0)

    init(configuration: [UInt8], slots: Int) throws {
        let configuration = try MockConfiguration(parsing: configuration)
        if let sentence = configuration.refuseStart { throw BackendFailure(.fatal, sentence) }
        // tidy: allow blocking-sleep: a backend whose start takes long blocks just so, and this one acts it out.
        if configuration.startMilliseconds > 0 { usleep(UInt32(configuration.startMilliseconds * 1_000)) }
        self.configuration = configuration
        draws = Atomic(UInt64(bitPattern: Int64(configuration.seed)))
    }

    /// Without latency and faults everything is answered here.
    func respondAtOnce(
        to head: BackendRequest.Head,
        body: Span<UInt8>
    ) throws(BackendFailure) -> BackendResponse? {
        guard configuration.isImmediate else { return nil }
        let result: Result<BackendResponse?, BackendFailure> = body.withUnsafeBufferPointer { bytes in
            guard let scan = MockScan(bytes, kind: head.kind) else { return .failure(Self.unreadable(head.kind)) }
            if configuration.obeysMarkers, MockMarkers.areIn(bytes[scan.prompt]) { return .success(nil) }
            let answer = MockAnswer(scan, bytes, kind: head.kind, configuration)
            if head.isStreaming, head.kind != .embedding { return .success(nil) }
            return .success(BackendResponse(body: answer.body(sentMicroseconds: stamp), tokens: answer.tokens))
        }
        let response = try result.get()
        if response != nil { requests.add(1, ordering: .relaxed) }
        return response
    }

    func respond(to request: BackendRequest, stream: BackendStream) async throws -> BackendResponse {
        requests.add(1, ordering: .relaxed)
        let plan = try plan(for: request)
        if let fault = plan.fault { await misbehave(fault, request, plan) }
        var spent = Duration.zero
        if request.isStreaming, request.kind != .embedding {
            try await pause(plan.latency, plan)
            spent = plan.latency
            // By the clock, not by pauses: a pause is always a little longer than it was asked to be.
            let start = ContinuousClock.now
            for word in 0..<plan.answer.wordCount {
                try await pause(start + configuration.perToken * (word + 1) - .now, plan)
                stream(
                    plan.answer.chunk(word, sentMilliseconds: stamp.map { $0 / 1_000 }))
            }
            stream(plan.answer.lastChunk())
        } else {
            spent = plan.latency + configuration.perToken * plan.answer.wordCount
            try await pause(spent, plan)
        }
        if let failure = plan.failure {
            failures.add(1, ordering: .relaxed)
            throw failure
        }
        let response = BackendResponse(body: plan.answer.body(sentMicroseconds: stamp), tokens: plan.answer.tokens)
        switch plan.fault {
        case .garbage: return BackendResponse(body: Array(response.body.prefix(response.body.count / 2)))
        case .doubleFinal: MockMischief.answer(request.head.callID, response)
        case .lateChunk:
            MockMischief.answer(request.head.callID, response)
            MockMischief.chunk(request.head.callID, plan.answer.lastChunk())
        default: break
        }
        return response
    }

    /// The time, in Unix microseconds; nil when answers are not stamped.
    private var stamp: Int? {
        guard configuration.stampsAnswers else { return nil }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
    }

    func health() -> ServiceHealth {
        // tidy: allow blocking-sleep: a backend that is slow to say how it is blocks just so, and this one acts it out.
        if configuration.healthMilliseconds > 0 { sleep(UInt32((configuration.healthMilliseconds + 999) / 1_000)) }
        return ServiceHealth(configuration.health)
    }

    func stats() -> [UInt8] {
        var text: [UInt8] = []
        text.append("{\"requests\":")
        text.appendDecimal(requests.load(ordering: .relaxed))
        text.append(",\"failures\":")
        text.appendDecimal(failures.load(ordering: .relaxed))
        text.append(",\"leaked_bytes\":")
        text.appendDecimal(leaked.load(ordering: .relaxed))
        text.append("}")
        return text
    }

    static func unreadable(_ kind: ServiceDescriptor.Kind) -> BackendFailure {
        let field =
            switch kind {
            case .chat: "messages"
            case .completion: "prompt"
            case .embedding, .response: "input"
            }
        return BackendFailure(
            .invalidRequest, "the request must be a JSON object with '\(field)' in the form OpenAI uses")
    }
}

extension MockService {
    /// What will be done with one request.
    private struct Plan {
        var answer: MockAnswer
        var latency: Duration
        var fault: MockFault?
        var failure: BackendFailure?
    }

    private func plan(for request: BackendRequest) throws -> Plan {
        try request.body.withUnsafeBufferPointer { bytes in
            guard let scan = MockScan(bytes, kind: request.kind) else { throw Self.unreadable(request.kind) }
            let markers =
                configuration.obeysMarkers ? MockMarkers(in: bytes[scan.prompt]) : MockMarkers()
            return Plan(
                answer: MockAnswer(scan, bytes, kind: request.kind, configuration),
                latency: markers.latency ?? configuration.latency.drawn { draw() },
                fault: markers.fault ?? configuration.faults.pick(draw),
                failure: (markers.failure ?? configuration.errors.pick(draw)).map(failure)
            )
        }
    }

    private func failure(_ errorClass: BackendFailure.Class) -> BackendFailure {
        BackendFailure(
            errorClass,
            "the mock was told to fail",
            retryAfter: errorClass == .rateLimited ? .milliseconds(configuration.retryAfterMilliseconds) : nil
        )
    }

    /// The next number of the sequence, 0..<1 (SplitMix64).
    private func draw() -> Double {
        let step = draws.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        return Double(MockAnswer.mixed(step) >> 11) * 0x1p-53
    }

    private func pause(_ time: Duration, _ plan: Plan) async throws {
        if plan.fault == .ignoreCancel {
            await MockMischief.sleepUncancellably(max(time, .seconds(1)))
        } else if time > .zero {
            try await Task.sleep(for: time)
        }
    }

    private func misbehave(_ fault: MockFault, _ request: BackendRequest, _ plan: Plan) async {
        switch fault {
        case .crash: abort()
        case .segv:
            // Whoever handles it goes on behind a signal that was only raised.
            signal(SIGSEGV, SIG_DFL)
            raise(SIGSEGV)
        case .hang: await MockMischief.hang()
        case .leak:
            MockMischief.leak(configuration.leakBytes)
            leaked.add(configuration.leakBytes, ordering: .relaxed)
        case .ignoreCancel, .doubleFinal, .lateChunk, .garbage: break
        }
    }
}
