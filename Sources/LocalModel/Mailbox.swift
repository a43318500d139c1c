import Glibc

/// What tasks tell the decode thread, and where that waits when it has nothing to do.
///
/// Unbounded, yet bounded by who uses it: each open call of the host puts in what one request may ask for.
@safe final class Mailbox<Letter: Sendable>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrival: UnsafeMutablePointer<pthread_cond_t>
    private var letters: [Letter] = []
    private var isClosed = false

    init() {
        unsafe lock = .allocate(capacity: 1)
        unsafe arrival = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(arrival, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(lock)
        unsafe pthread_cond_destroy(arrival)
        unsafe lock.deallocate()
        unsafe arrival.deallocate()
    }

    /// Puts a letter in, and wakes the thread.
    ///
    /// - Returns: false when the box is closed, and the letter will never be read.
    func put(_ letter: Letter) -> Bool {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        guard !isClosed else { return false }
        letters.append(letter)
        unsafe pthread_cond_signal(arrival)
        return true
    }

    /// Takes all letters into `taken`, waiting for one when `waits`.
    ///
    /// - Returns: false when the box is closed and empty.
    func take(_ taken: inout [Letter], waits: Bool) -> Bool {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        while waits, letters.isEmpty, !isClosed { unsafe pthread_cond_wait(arrival, lock) }
        swap(&taken, &letters)
        letters.removeAll(keepingCapacity: true)
        return !isClosed || !taken.isEmpty
    }

    /// No more letters are taken in.
    func close() {
        unsafe pthread_mutex_lock(lock)
        isClosed = true
        unsafe pthread_cond_signal(arrival)
        unsafe pthread_mutex_unlock(lock)
    }
}
