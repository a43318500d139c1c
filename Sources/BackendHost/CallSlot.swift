internal import Synchronization

/// One place a call can occupy.
///
/// Lives as long as the process, so that a callback that comes too late finds a stale generation instead of freed
/// memory.
struct CallSlot: ~Copyable {
    let call = Mutex(OpenCall())
    /// The next free slot's index plus one while this slot is in the free list.
    let nextFree = Atomic<UInt32>(0)
}

/// What is known of the call in a slot.
@safe struct OpenCall {
    enum Phase {
        /// No call, or one whose outcome was taken.
        case idle
        /// The final is awaited.
        ///
        /// Exits: `ended`, `abandoned`.
        case open
        /// The final came; its outcome may not have been taken yet.
        ///
        /// Exit: `idle`.
        case ended
        /// The host gave up waiting; the slot stays taken until the final.
        ///
        /// Exit: `idle`.
        case abandoned
    }

    var phase = Phase.idle
    /// Counts the calls of this slot, so that a stale callback is told from a current one.
    var generation: UInt32 = 0
    var isCancelled = false
    /// The job, by which the worker names a call it wants cancelled.
    var job: Int64 = 0
    /// Whether `execute` of the backend has returned, so that `cancel` may be called.
    var isSubmitted = false
    /// How many threads of the host are inside the backend for this call.
    var threadsInside = 0
    /// Whether the task of an abandoned call is through with the slot; the later of it and the final gives it back.
    var hasLeft = false
    var waiter: UnsafeContinuation<BackendOutcome, Never>?
    var outcome: BackendOutcome?
    var onChunk: (@Sendable ([UInt8]) -> Void)?
}
