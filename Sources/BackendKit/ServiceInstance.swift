internal import BackendABI
internal import Glibc
internal import JSONText
internal import Synchronization

/// An instance as the C functions see it; `TypedInstance` knows the service.
class ServiceInstance: @unchecked Sendable {
    func execute(_ call: sluice_call_borrowed) -> Int32 { BackendFailure.Class.fatal.rawValue }
    func cancel(_ id: UInt64) {}
    func health() -> ServiceHealth { ServiceHealth(.unusable) }
    func stats() -> [UInt8] { [] }
    func close() {}
}

/// Turns the calls of the ABI into calls of a service.
///
/// A call that is not answered at once gets a task. These tasks are unstructured and kept, which nothing else in the project
/// is: a C function that must return at once is where they begin, and another one, knowing a number, is what cancels
/// them. They end with their call; `close` cancels those that are left and waits for them. The service itself is closed once,
/// when the last call has ended: a service is not taken apart under calls that use it.
final class TypedInstance<Service: BackendService>: ServiceInstance, @unchecked Sendable {
    private let service: Service
    private let kinds: Set<ServiceDescriptor.Kind>
    private let slots: [Slot]
    private let life = Mutex(Life())

    private struct Life {
        /// Calls whose task has not ended; it may outlive its call for a moment.
        var running = 0
        /// Whether the last of them is to close the service, since `close` could not wait for it.
        var lastCloses = false
    }

    /// How long `close` waits for cancelled calls: the host gives it about a second.
    private static var patience: Duration { .milliseconds(800) }

    /// What runs in one of the host's slots.
    ///
    /// 0 when nothing does, or when the instance was closed.
    private final class Slot: Sendable {
        struct State {
            var id: UInt64 = 0
            // tidy: allow unstructured-task: a call begins in a C function that must return before it ends.
            var task: Task<Void, Never>?
            var isCancelled = false
            /// Threads that are telling the host something for this slot.
            var telling = 0
        }
        let state = Mutex(State())
    }

    init(_ service: Service, slots: Int) {
        self.service = service
        kinds = Service.descriptor.kinds
        self.slots = (0..<slots).map { _ in Slot() }
    }

    override func execute(_ call: sluice_call_borrowed) -> Int32 {
        let id = unsafe call.call_id
        guard let kind = unsafe ServiceDescriptor.Kind(rawValue: call.kind), kinds.contains(kind) else {
            let failure = BackendFailure(.unsupported, "this backend does not answer requests of that kind")
            Host.sendFinal(id, status: failure.errorClass.rawValue, failure)
            return 0
        }
        let head = unsafe BackendRequest.Head(call, kind: kind)
        let bytes = unsafe UnsafeBufferPointer(start: call.body.data, count: call.body.size)
        do {
            if let response = try service.respondAtOnce(to: head, body: unsafe Span(_unsafeElements: bytes)) {
                Host.sendFinal(id, response)
                return 0
            }
        } catch {
            Host.sendFinal(id, status: error.errorClass.rawValue, error)
            return 0
        }
        guard unsafe JSONCursor.isOneObject(bytes) else {
            let failure = BackendFailure(.invalidRequest, "the request is not a JSON object in UTF-8")
            Host.sendFinal(id, status: failure.errorClass.rawValue, failure)
            return 0
        }
        start(BackendRequest(head: head, body: unsafe [UInt8](bytes)))
        return 0
    }

    private func start(_ request: BackendRequest) {
        let slot = slots[Int(slotNumber(request.head.callID))]
        slot.state.withLock { state in
            // `telling` stays: the call before may still be on its way out of the host.
            (state.id, state.task, state.isCancelled) = (request.head.callID, nil, false)
        }
        life.withLock { $0.running += 1 }
        // tidy: allow unstructured-task: as above; it is ended by cancel and waited for by destroy.
        let task = Task {
            await self.run(request, slot)
            self.callEnded()
        }
        let isCancelled = slot.state.withLock { state in
            guard state.id == request.head.callID else { return false }
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    private func run(_ request: BackendRequest, _ slot: Slot) async {
        let id = request.head.callID
        let stream = BackendStream(isWanted: request.isStreaming) { chunk in
            guard Self.begin(id, slot, isFinal: false) else { return }
            Host.sendChunk(id, chunk)
            Self.end(slot)
        }
        do {
            let response = try await service.respond(to: request, stream: stream)
            guard Self.begin(id, slot, isFinal: true) else { return }
            Host.sendFinal(id, response)
        } catch let failure as BackendFailure {
            guard Self.begin(id, slot, isFinal: true) else { return }
            Host.sendFinal(id, status: failure.errorClass.rawValue, failure)
        } catch {
            let wasCancelled = slot.state.withLock { $0.id == id && $0.isCancelled }
            guard Self.begin(id, slot, isFinal: true) else { return }
            let failure = BackendFailure(.retryable, "the backend failed with \(type(of: error))")
            let status = wasCancelled ? Int32(SLUICE_CANCELLED.rawValue) : failure.errorClass.rawValue
            Host.sendFinal(id, status: status, failure)
        }
        Self.end(slot)
    }

    /// Whether the host may still be told something for the call; `close` then waits for `end`.
    ///
    /// A final frees the slot.
    private static func begin(_ id: UInt64, _ slot: Slot, isFinal: Bool) -> Bool {
        slot.state.withLock { state in
            guard state.id == id else { return false }
            state.telling += 1
            if isFinal {
                state.id = 0
                state.task = nil
            }
            return true
        }
    }

    private static func end(_ slot: Slot) {
        slot.state.withLock { $0.telling -= 1 }
    }

    override func cancel(_ id: UInt64) {
        let index = Int(slotNumber(id))
        guard slots.indices.contains(index) else { return }
        // tidy: allow unstructured-task: as above.
        let task = slots[index].state.withLock { state -> Task<Void, Never>? in
            guard state.id == id, id != 0 else { return nil }
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    override func health() -> ServiceHealth { service.health() }

    override func stats() -> [UInt8] { service.stats() }

    override func close() {
        for slot in slots {
            let task = slot.state.withLock { state in
                defer { (state.id, state.task) = (0, nil) }
                return state.task
            }
            task?.cancel()
            // Only for as long as a callback of the host takes.
            while slot.state.withLock({ $0.telling > 0 }) { sched_yield() }
        }
        let end = ContinuousClock.now + Self.patience
        while life.withLock({ $0.running > 0 }), ContinuousClock.now < end {
            // A wait of a millisecond on no descriptor: this is a thread of the host's, not a task.
            _ = poll(nil, 0, 1)
        }
        let isOver = life.withLock { life in
            life.lastCloses = life.running > 0
            return !life.lastCloses
        }
        if isOver { service.close() }
    }

    private func callEnded() {
        let closes = life.withLock { life in
            life.running -= 1
            return life.running == 0 && life.lastCloses
        }
        if closes { service.close() }
    }
}

/// The slot of a call: the header's macro, which Swift does not see.
private func slotNumber(_ id: UInt64) -> UInt64 { id & 0xffff }
