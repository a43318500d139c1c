import Glibc

/// What tasks tell the decode thread, and where that waits when it has nothing to do.
///
/// Unbounded, yet bounded by who uses it: each open call of the host puts in what one request may ask for.
final class Mailbox<Letter: Sendable>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrival: UnsafeMutablePointer<pthread_cond_t>
    private var letters: [Letter] = []
    private var isClosed = false

    init() {
        lock = .allocate(capacity: 1)
        arrival = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrival, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(arrival)
        lock.deallocate()
        arrival.deallocate()
    }

    /// Puts a letter in, and wakes the thread.
    ///
    /// - Returns: false when the box is closed, and the letter will never be read.
    func put(_ letter: Letter) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !isClosed else { return false }
        letters.append(letter)
        pthread_cond_signal(arrival)
        return true
    }

    /// Takes all letters into `taken`, waiting for one when `waits`.
    ///
    /// - Returns: false when the box is closed and empty.
    func take(_ taken: inout [Letter], waits: Bool) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while waits, letters.isEmpty, !isClosed { pthread_cond_wait(arrival, lock) }
        swap(&taken, &letters)
        letters.removeAll(keepingCapacity: true)
        return !isClosed || !taken.isEmpty
    }

    /// No more letters are taken in.
    func close() {
        pthread_mutex_lock(lock)
        isClosed = true
        pthread_cond_signal(arrival)
        pthread_mutex_unlock(lock)
    }
}
