internal import BackendABI
internal import Domain
internal import JSONText
internal import Synchronization

/// What a trial works with: the backend's file, the check's settings, and the instances it has made.
final class TrialGround: Sendable {
    let file: BackendFile
    let configuration: [UInt8]
    let calls: Int
    let timeLimit: Duration?
    private let model: String
    private let instances = Mutex<[BackendInstance]>([])

    init(file: BackendFile, check: BackendCheck) {
        self.file = file
        configuration = check.configuration
        calls = check.calls
        timeLimit = check.timeLimit
        model = check.model
    }

    typealias Complaint = BackendTrial.Complaint

    /// Loads the backend as a worker does.
    func load() throws -> Backend { try unsafe load(HostTable.pointer) }

    /// Loads the backend, giving its entry that host.
    func load(_ host: UnsafePointer<sluice_host>) throws -> Backend {
        do {
            return try unsafe Backend.load(file, host: host)
        } catch {
            let rule: HeaderRule =
                switch error.code {
                case .abiMismatch: .version
                case .badDescriptor: .table
                default: .symbols
                }
            throw Complaint(rule, error.description)
        }
    }

    /// Makes an instance of `backend` with the check's configuration, for at most `most` calls at once.
    func start(_ backend: Backend, most: Int = 256) throws -> BackendInstance {
        do {
            let slots = min(backend.descriptor.maximumConcurrency, most)
            let instance = try backend.makeInstance(configuration: configuration, slots: slots)
            instances.withLock { $0.append(instance) }
            return instance
        } catch {
            throw Complaint(.create, error.description)
        }
    }

    /// Loads the backend and makes an instance.
    func start(most: Int = 256) throws -> BackendInstance { try start(load(), most: most) }

    /// Releases everybody who waits for a call, and returns how many calls were open.
    func abandonAll() -> Int {
        instances.withLock { instances in
            let open = instances.reduce(0) { $0 + $1.openCalls }
            for instance in instances { instance.abandonAll() }
            return open
        }
    }

    /// The kinds the backend of `instance` declares, in a fixed order.
    func kinds(_ instance: BackendInstance) -> [JobKind] {
        JobKind.allCases.filter(instance.backend.descriptor.capabilities.contains)
    }

    /// A small request: a few tokens are asked for, so that a real model is soon done.
    func body(_ kind: JobKind, _ prompt: String = "Say hello to the world.") -> [UInt8] {
        let fields = ["completion": "prompt", "embedding": "input", "response": "input"]
        var text: [UInt8] = []
        text.append("{\"model\":")
        text.appendJSONString(model)
        if let field = fields[kind.rawValue] {
            text.append(",")
            text.appendJSONString(field)
            text.append(":")
            text.appendJSONString(prompt)
        } else {
            text.append(",\"messages\":[{\"role\":\"user\",\"content\":")
            text.appendJSONString(prompt)
            text.append("}]")
        }
        if kind == .chat || kind == .completion { text.append(",\"max_tokens\":4") }
        text.append("}")
        return text
    }

    /// A call like a worker's; the kinds take turns by number.
    func call(_ instance: BackendInstance, _ number: Int = 1, streaming: Bool = false) -> BackendCall {
        let kinds = kinds(instance)
        let kind = kinds[number % kinds.count]
        return BackendCall(
            job: Int64(number), attempt: 1, kind: kind, body: body(kind, "Say hello, number \(number)."),
            isStreaming: streaming && kind != .embedding)
    }

    /// Makes `count` calls, as many at once as there are slots, and returns how each ended.
    func run(_ instance: BackendInstance, _ count: Int, streaming: Bool = false) async -> [BackendOutcome] {
        let lanes = min(instance.slots, count)
        return await withTaskGroup(of: [BackendOutcome].self) { group in
            for first in 0..<lanes {
                group.addTask { await self.lane(instance, stride(from: first, to: count, by: lanes), streaming) }
            }
            var outcomes: [BackendOutcome] = []
            for await more in group { outcomes += more }
            return outcomes
        }
    }

    private func lane(
        _ instance: BackendInstance, _ numbers: StrideTo<Int>, _ streaming: Bool
    ) async -> [BackendOutcome] {
        let drop: @Sendable ([UInt8]) -> Void = { _ in }
        var outcomes: [BackendOutcome] = []
        for number in numbers where !Task.isCancelled {
            let call = call(instance, number, streaming: streaming)
            outcomes.append(await instance.execute(call, onChunk: streaming ? drop : nil))
        }
        return outcomes
    }

    /// Complains when a usual call does not succeed.
    func expectAnswer(_ instance: BackendInstance, after what: String) async throws {
        let outcome = await instance.execute(call(instance))
        guard case .succeeded = outcome else {
            throw Complaint(.answer, "a usual call after \(what) ended as \(outcome.short)")
        }
    }

    /// Waits a little for callbacks that should not come, then complains of those that did.
    func settle(_ instance: BackendInstance, finals: HeaderRule = .oneFinal) async throws {
        try await Task.sleep(for: .milliseconds(100))
        let surplus = instance.doubleFinals + instance.staleFinals
        guard surplus == 0 else { throw Complaint(finals, "sent \(surplus) finals for calls that had ended") }
        let late = instance.lateChunks
        guard late == 0 else { throw Complaint(.chunkOrder, "sent \(late) chunks for calls that had ended") }
    }
}

extension BackendOutcome {
    /// The case's name.
    var word: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .abandoned: "abandoned"
        }
    }

    /// The case with what a reader of a finding needs.
    var short: String {
        guard case .failed(let errorClass, let message, _, _) = self else { return word }
        return "\(errorClass.rawValue): \(message)"
    }
}
