import Glibc

/// Which jobs a worker is running, in memory that outlives it.
///
/// A file of 24 bytes and 8 a slot, mapped by the worker, which writes a job's id when it starts and 0 when it ends: one
/// store, no system call, so nothing is lost in a buffer when the process dies in the middle of an instruction. Its parent
/// reads the file after the exit, to know which jobs had started. That is why this is a file and not a pipe.
package final class SlotBoard: Sendable {
    /// What a board said.
    package struct Contents: Sendable, Hashable {
        /// The worker's id in the database; 0 if it ended before it was registered.
        package var worker: Int64
        /// Jobs that had started and not ended.
        package var started: [Int64]
    }

    private static let magic: Int64 = 0x534c_5549_4345_3031
    private static let headerWords = 3

    /// How many slots there are.
    package let slots: Int
    /// The mapped words: magic, slots, worker, then the slots. Each slot is written by one task at a time.
    nonisolated(unsafe) private let words: UnsafeMutablePointer<Int64>
    private let bytes: Int

    /// Makes the file at `path` and maps it.
    ///
    /// - Throws: `SlotBoardError` with the errno when the file cannot be made.
    package init(path: String, slots: Int) throws(SlotBoardError) {
        let bytes = (Self.headerWords + slots) * 8
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SlotBoardError(path: path, code: errno) }
        defer { close(descriptor) }
        // Allocated, not only sized: a full disk is told now, not by a signal at the first store.
        let failure = posix_fallocate(descriptor, 0, off_t(bytes))
        guard failure == 0 else { throw SlotBoardError(path: path, code: failure) }
        guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
        else {
            throw SlotBoardError(path: path, code: errno)
        }
        words = memory.bindMemory(to: Int64.self, capacity: bytes / 8)
        self.bytes = bytes
        self.slots = slots
        words[1] = Int64(slots)
        words[0] = Self.magic
    }

    deinit { munmap(words, bytes) }

    /// Says which worker this is.
    package func registered(worker: Int64) { words[2] = worker }

    /// Slot `slot` starts `job`, or with 0 has ended it.
    package func set(slot: Int, job: Int64) {
        precondition(0..<slots ~= slot)
        words[Self.headerWords + slot] = job
    }

    /// Reads the board of a process, which may have ended; nil if there is no complete one.
    ///
    /// - Throws: `SlotBoardError` when the file is there and cannot be read.
    package static func read(path: String) throws(SlotBoardError) -> Contents? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 && errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw SlotBoardError(path: path, code: errno) }
        defer { close(descriptor) }
        var words = [Int64](repeating: 0, count: headerWords + 65_536)
        let count = words.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw SlotBoardError(path: path, code: errno) }
        guard count >= headerWords * 8, words[0] == magic else { return nil }
        let slots = min(Int(words[1]), count / 8 - headerWords)
        return Contents(
            worker: words[2], started: words[headerWords..<(headerWords + max(0, slots))].filter { $0 != 0 })
    }
}

/// The file of a slot board could not be made or read.
package struct SlotBoardError: Error, Sendable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// The errno.
    package let code: Int32

    package var description: String { "Cannot use the slot board \(path): \(String(cString: strerror(code)))." }
}
