internal import Domain
internal import Synchronization

/// The slots of one instance, found by number from any thread without a lock; each slot has a lock of its own.
///
/// Tables are made once and never freed: a destroyed instance's table is handed to the next one that fits, its
/// generations going on.
@safe struct CallTable: ~Copyable {
    let number: UInt16
    let capacity: Int
    let slots: UnsafeMutablePointer<CallSlot>
    /// Calls the backend has not ended, abandoned ones among them.
    let openCalls = Atomic<Int>(0)
    let isClosed = Atomic<Bool>(false)
    let staleFinals = Atomic<Int>(0)
    let doubleFinals = Atomic<Int>(0)
    let lateChunks = Atomic<Int>(0)
    let badChunks = Atomic<Int>(0)
    /// The free list: a change counter in the upper half (against ABA), the first free index plus one in the lower.
    private let free = Atomic<UInt64>(0)

    init(number: UInt16, capacity: Int) {
        self.number = number
        self.capacity = capacity
        unsafe slots = UnsafeMutablePointer<CallSlot>.allocate(capacity: capacity)
        for index in 0..<capacity { unsafe (slots + index).initialize(to: CallSlot()) }
        for index in (0..<capacity).reversed() { giveBack(index) }
    }

    /// Makes the table as new for its next instance; generations go on.
    func reset() {
        isClosed.store(false, ordering: .relaxed)
        staleFinals.store(0, ordering: .relaxed)
        doubleFinals.store(0, ordering: .relaxed)
        lateChunks.store(0, ordering: .relaxed)
        badChunks.store(0, ordering: .relaxed)
    }

    /// Takes a free slot, or nil when every slot is taken.
    func take() -> Int? {
        var head = free.load(ordering: .acquiring)
        while head & 0xffff_ffff != 0 {
            let index = Int(head & 0xffff_ffff) - 1
            let next = unsafe (slots + index).pointee.nextFree.load(ordering: .relaxed)
            let changed = (head >> 32 &+ 1) << 32 | UInt64(next)
            let result = free.weakCompareExchange(
                expected: head,
                desired: changed,
                successOrdering: .acquiringAndReleasing,
                failureOrdering: .acquiring
            )
            if result.exchanged { return index }
            head = result.original
        }
        return nil
    }

    /// Returns a slot to the free list.
    func giveBack(_ index: Int) {
        var head = free.load(ordering: .relaxed)
        while true {
            unsafe (slots + index).pointee.nextFree.store(UInt32(truncatingIfNeeded: head), ordering: .relaxed)
            let changed = (head >> 32 &+ 1) << 32 | UInt64(index + 1)
            let result = free.weakCompareExchange(
                expected: head,
                desired: changed,
                successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed
            )
            if result.exchanged { return }
            head = result.original
        }
    }

    /// Runs `body` on the call in a slot, under that slot's lock.
    ///
    /// Nothing that may call back belongs inside.
    @inline(__always)
    func withCall<Result>(_ index: Int, _ body: (inout OpenCall) -> Result) -> Result {
        unsafe (slots + index).pointee.call.withLock { body(&$0) }
    }

    /// Begins a call in a slot that was taken; nil when the table is closed.
    ///
    /// Counts the caller as inside the backend.
    func open(_ index: Int, _ onChunk: (@Sendable ([UInt8]) -> Void)?) -> CallID? {
        let generation: UInt32? = withCall(index) { call in
            guard !isClosed.load(ordering: .sequentiallyConsistent) else { return nil }
            call.generation = call.generation == .max ? 1 : call.generation + 1
            call.phase = .open
            call.isCancelled = false
            call.isSubmitted = false
            call.threadsInside = 1
            call.hasLeft = false
            call.onChunk = onChunk
            return call.generation
        }
        guard let generation else { return nil }
        openCalls.add(1, ordering: .relaxed)
        return CallID(generation: generation, table: number, slot: index)
    }

    /// The task of a call is through with its slot.
    func leave(_ index: Int) {
        let isLast = withCall(index) { call in
            call.hasLeft = true
            return call.phase != .abandoned
        }
        if isLast { giveBack(index) }
    }

    /// After the backend has been destroyed: no final is due any more for a call that was abandoned.
    func forgetAbandoned(_ index: Int) {
        let (wasAbandoned, isLast) = withCall(index) { call in
            guard call.phase == .abandoned else { return (false, false) }
            call.phase = .idle
            return (true, call.hasLeft)
        }
        if wasAbandoned { openCalls.subtract(1, ordering: .relaxed) }
        if isLast { giveBack(index) }
    }

    /// Ends the call when it is the one meant and still open; otherwise counts.
    ///
    /// True when it was open.
    func end(_ id: CallID, _ outcome: BackendOutcome) -> Bool {
        @safe enum Action {
            case resume(UnsafeContinuation<BackendOutcome, Never>, BackendOutcome)
            case stored, double, stale
            case late(isLast: Bool)
        }
        let action: Action = withCall(id.slot) { call in
            guard call.generation == id.generation else { return .stale }
            switch call.phase {
            case .open:
                call.phase = .ended
                call.onChunk = nil
                let outcome = call.isCancelled ? outcome : outcome.withoutUnaskedCancellation
                guard let waiter = unsafe call.waiter else {
                    call.outcome = outcome
                    return .stored
                }
                unsafe call.waiter = nil
                return unsafe .resume(waiter, outcome)
            case .abandoned:
                call.phase = .idle
                return .late(isLast: call.hasLeft)
            case .ended, .idle:
                return .double
            }
        }
        switch action {
        case .resume(let waiter, let outcome):
            openCalls.subtract(1, ordering: .relaxed)
            unsafe waiter.resume(returning: outcome)
            return true
        case .stored:
            openCalls.subtract(1, ordering: .relaxed)
            return true
        case .late(let isLast):
            openCalls.subtract(1, ordering: .relaxed)
            staleFinals.add(1, ordering: .relaxed)
            if isLast { giveBack(id.slot) }
        case .double: doubleFinals.add(1, ordering: .relaxed)
        case .stale: staleFinals.add(1, ordering: .relaxed)
        }
        return false
    }
}

extension BackendOutcome {
    /// A backend may only call a call cancelled that the host has cancelled.
    fileprivate var withoutUnaskedCancellation: BackendOutcome {
        guard case .cancelled = self else { return self }
        return .failed(
            class: .retryable,
            message: "the backend reported as cancelled what nobody had cancelled",
            retryAfter: nil,
            body: nil
        )
    }
}
