internal import BackendABI
internal import Domain
internal import Glibc
internal import Synchronization

/// A running instance of a backend: calls go in, outcomes come out, whatever the backend does meanwhile.
///
/// A call occupies a slot from `execute` until the backend's final, also when it was cancelled. An instance that is
/// dropped is destroyed, unless calls are still open after `abandonAll`: then it is left alone until the process ends.
package final class BackendInstance: Sendable {
    /// The backend it is an instance of.
    package let backend: Backend
    /// How many calls may be open at once.
    package let slots: Int
    private let parts: Parts
    /// Whether the last report was more than nothing and no JSON object; for the conformance check.
    private let droppedReport = Atomic<Bool>(false)
    /// Keeps `destroy` and the reports apart.
    private let isDestroyed = Mutex(false)

    /// Immutable pointers: the table is never freed, the instance not before `destroy`.
    @safe private struct Parts: @unchecked Sendable {
        let table: UnsafeMutablePointer<CallTable>
        let functions: sluice_backend
        let instance: OpaquePointer
    }

    init(backend: Backend, slots: Int, table: UnsafeMutablePointer<CallTable>, instance: OpaquePointer) {
        self.backend = backend
        self.slots = slots
        unsafe parts = Parts(table: table, functions: backend.table.pointer.pointee, instance: instance)
    }

    deinit {
        if openCalls == 0 { destroy() }
        // Nobody is in `execute` any more, so every slot has been given back unless its call is still open.
        if openCalls == 0 { unsafe CallTables.release(parts.table) }
    }

    /// Calls the backend has not ended yet, abandoned ones among them.
    package var openCalls: Int { unsafe parts.table.pointee.openCalls.load(ordering: .relaxed) }

    /// Finals for a call that had been abandoned, or for one that ended before another took its slot.
    package var staleFinals: Int { unsafe parts.table.pointee.staleFinals.load(ordering: .relaxed) }

    /// Finals for a call that had ended already.
    package var doubleFinals: Int { unsafe parts.table.pointee.doubleFinals.load(ordering: .relaxed) }

    /// Chunks for a call that had ended already.
    package var lateChunks: Int { unsafe parts.table.pointee.lateChunks.load(ordering: .relaxed) }

    /// Chunks that were not one JSON value, or larger than 64 MiB; they were dropped.
    package var badChunks: Int { unsafe parts.table.pointee.badChunks.load(ordering: .relaxed) }

    /// Runs one call to its end.
    ///
    /// Cancelling the task tells the backend and still waits for its final; the outcome is then `.cancelled`, or whatever
    /// the call came to. A call that finds no free slot fails as `overloaded`; one in a cancelled task is not begun.
    /// - Parameter onChunk: gets each chunk, one JSON value, on a thread of the backend, before the outcome is returned.
    package func execute(
        _ call: BackendCall,
        onChunk: (@Sendable ([UInt8]) -> Void)? = nil
    ) async -> BackendOutcome {
        guard call.body.count <= Int(SLUICE_MAX_BODY_BYTES) else {
            return refusal(.invalidRequest, "the request is larger than 64 MiB")
        }
        guard let slot = unsafe parts.table.pointee.take() else {
            return refusal(.overloaded, "every slot of the backend is taken")
        }
        guard let id = open(slot, onChunk) else {
            unsafe parts.table.pointee.giveBack(slot)
            return refusal(.fatal, "the backend's instance has been destroyed")
        }
        let outcome = await withTaskCancellationHandler {
            if let outcome = submit(call, id) { return outcome }
            return await final(of: id)
        } onCancel: {
            cancel(id)
        }
        // An abandoned call keeps its slot until its final.
        if case .abandoned = outcome {
            unsafe parts.table.pointee.leave(slot)
        } else {
            unsafe parts.table.pointee.giveBack(slot)
        }
        return outcome
    }

    /// Tells the backend to cancel the call that runs `job`, as cancelling its task would.
    ///
    /// Not an error: no such call. Looks through the slots, since cancelling is rare.
    package func cancel(job: Int64) {
        for slot in 0..<slots {
            let id = unsafe parts.table.pointee.withCall(slot) { call -> CallID? in
                guard call.phase == .open, call.job == job else { return nil }
                return unsafe CallID(generation: call.generation, table: parts.table.pointee.number, slot: slot)
            }
            if let id { cancel(id) }
        }
    }

    /// Releases everybody who waits in `execute` with `.abandoned`, for a process that is about to exit.
    ///
    /// The backend is not told.
    package func abandonAll() {
        for slot in 0..<slots {
            let waiter = unsafe parts.table.pointee.withCall(slot) {
                call -> UnsafeContinuation<BackendOutcome, Never>? in
                guard call.phase == .open else { return nil }
                call.phase = .abandoned
                call.onChunk = nil
                defer { unsafe call.waiter = nil }
                return unsafe call.waiter
            }
            unsafe waiter?.resume(returning: .abandoned)
        }
    }

    /// How the instance says it is.
    ///
    /// At most 64 KiB of detail; a report that is no JSON object is dropped.
    package func health() -> BackendHealth {
        let (status, report) = unsafe report { unsafe parts.functions.health($0, $1) }
        let state: BackendHealth.State =
            switch status.map({ sluice_status(rawValue: UInt32(bitPattern: $0)) }) {
            case SLUICE_OK: .well
            case SLUICE_OVERLOADED: .strained
            case SLUICE_FATAL, nil: .unusable
            default: .failing
            }
        return BackendHealth(state: state, detail: report)
    }

    /// The backend's own counters: a JSON object, `{}` when there are none.
    package func stats() -> [UInt8] {
        let (status, report) = unsafe report { unsafe parts.functions.stats($0, $1) }
        return status == 0 ? report ?? Array("{}".utf8) : Array("{}".utf8)
    }

    /// Ends the instance now, also with calls open: they end as abandoned.
    ///
    /// Waits for the host's own threads to be out of it, then for the backend. Later calls fail, a second `destroy`
    /// does nothing.
    package func destroy() {
        isDestroyed.withLock { isDestroyed in
            guard !isDestroyed else { return }
            isDestroyed = true
            unsafe parts.table.pointee.isClosed.store(true, ordering: .sequentiallyConsistent)
            for slot in 0..<slots {
                // Bounded by the backend's execute and cancel, which return soon.
                while unsafe parts.table.pointee.withCall(slot, { $0.threadsInside > 0 }) { sched_yield() }
            }
            unsafe parts.functions.destroy(parts.instance)
            abandonAll()
            for slot in 0..<slots {
                unsafe parts.table.pointee.forgetAbandoned(slot)
            }
        }
    }
}

extension BackendInstance {
    /// Whether the last report was more than nothing and no JSON object.
    var lastReportWasDropped: Bool { droppedReport.load(ordering: .relaxed) }

    /// Cancels calls that were never begun; for the conformance check.
    func cancelCallsNotBegun() {
        let ahead = (0..<slots).map { slot in
            let generation = unsafe parts.table.pointee.withCall(slot) { $0.generation }
            return unsafe CallID(generation: generation &+ 1_000, table: parts.table.pointee.number, slot: slot)
        }
        for id in [CallID(0), CallID(.max)] + ahead { unsafe parts.functions.cancel(parts.instance, id.raw) }
    }

    /// Cancels the last call of every slot that has ended, as a race with its final may; for the conformance check.
    func cancelEndedCalls() {
        for slot in 0..<slots {
            let id: CallID? = unsafe parts.table.pointee.withCall(slot) { call in
                guard call.phase == .idle || call.phase == .ended, call.generation > 0 else { return nil }
                return unsafe CallID(generation: call.generation, table: parts.table.pointee.number, slot: slot)
            }
            if let id { unsafe parts.functions.cancel(parts.instance, id.raw) }
        }
    }

    private func open(_ slot: Int, _ onChunk: (@Sendable ([UInt8]) -> Void)?) -> CallID? {
        unsafe parts.table.pointee.open(slot, onChunk)
    }

    /// Hands the call over and returns its outcome when the backend gave it at once.
    private func submit(_ call: BackendCall, _ id: CallID) -> BackendOutcome? {
        let isWanted = unsafe parts.table.pointee.withCall(id.slot) { open in
            open.job = call.job
            return !open.isCancelled
        }
        let status: Int32 =
            isWanted
            ? unsafe call.body.withUnsafeBufferPointer { body in
                var wire = unsafe sluice_call_borrowed(
                    struct_size: UInt32(MemoryLayout<sluice_call_borrowed>.size),
                    kind: call.wireKind ?? call.kind.abiNumber,
                    flags: call.isStreaming && backend.descriptor.canStream ? 1 : 0,
                    attempt: UInt32(clamping: call.attempt),
                    call_id: id.raw,
                    job_id: call.job,
                    deadline_ms: call.deadline.map(\.wholeMilliseconds) ?? 0,
                    body: sluice_bytes_borrowed(data: body.isEmpty ? nil : body.baseAddress, size: body.count)
                )
                return unsafe parts.functions.execute(parts.instance, &wire)
            } : Int32(SLUICE_CANCELLED.rawValue)
        if status != 0 {
            let refused: BackendOutcome =
                isWanted ? refusal(ErrorClass(abiStatus: status), "the backend did not take the call") : .cancelled
            _ = unsafe parts.table.pointee.end(id, refused)
        }
        enum Next {
            case ended(BackendOutcome), wait, cancel
        }
        let next: Next = unsafe parts.table.pointee.withCall(id.slot) { call in
            call.isSubmitted = true
            if call.phase == .open, call.isCancelled { return .cancel }
            call.threadsInside -= 1
            if let outcome = call.outcome {
                call.outcome = nil
                call.phase = .idle
                return .ended(outcome)
            }
            return .wait
        }
        switch next {
        case .ended(let outcome): return outcome
        case .wait: return nil
        case .cancel:
            tellCancelled(id)
            return nil
        }
    }

    private func final(of id: CallID) async -> BackendOutcome {
        let outcome = await unsafe withUnsafeContinuation { waiter in
            let known: BackendOutcome? = unsafe parts.table.pointee.withCall(id.slot) { call in
                if let outcome = call.outcome {
                    call.outcome = nil
                    call.phase = .idle
                    return outcome
                }
                // Abandoned, or abandoned and ended since.
                guard call.phase == .open else { return .abandoned }
                unsafe call.waiter = waiter
                return nil
            }
            if let known { unsafe waiter.resume(returning: known) }
        }
        return outcome
    }

    private func cancel(_ id: CallID) {
        let tell = unsafe parts.table.pointee.withCall(id.slot) { call in
            guard call.generation == id.generation, call.phase == .open, !call.isCancelled else { return false }
            call.isCancelled = true
            guard call.isSubmitted, unsafe !parts.table.pointee.isClosed.load(ordering: .relaxed) else { return false }
            call.threadsInside += 1
            return true
        }
        if tell { tellCancelled(id) }
    }

    private func tellCancelled(_ id: CallID) {
        unsafe parts.functions.cancel(parts.instance, id.raw)
        unsafe parts.table.pointee.withCall(id.slot) { $0.threadsInside -= 1 }
    }

    private func refusal(_ errorClass: ErrorClass, _ message: String) -> BackendOutcome {
        .failed(class: errorClass, message: message, retryAfter: nil, body: nil)
    }

    /// Calls a report function with a lent buffer; nil when the instance is gone.
    private func report(
        _ function: (OpaquePointer, UnsafeMutablePointer<sluice_buffer_lent>) -> Int32
    ) -> (Int32?, [UInt8]?) {
        isDestroyed.withLock { isDestroyed in
            guard !isDestroyed else { return (nil, nil) }
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Int(SLUICE_MAX_REPORT_BYTES))
            defer { unsafe memory.deallocate() }
            var buffer = unsafe sluice_buffer_lent(data: memory.baseAddress, capacity: memory.count, size: 0)
            let status = unsafe function(parts.instance, &buffer)
            let text = unsafe LentText(buffer)
            let object = text.object
            droppedReport.store(object == nil && !text.bytes.isEmpty, ordering: .relaxed)
            return (status, object)
        }
    }
}
