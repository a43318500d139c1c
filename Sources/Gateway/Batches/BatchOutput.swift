import BatchFile
import Queue

/// An output or error file of a batch while it is written; no file at all when nothing is appended.
struct BatchOutput {
    private let queue: Queue
    private let work: BatchWork
    private var writer: FileWriter?
    private var buffer: [UInt8] = []

    init(_ queue: Queue, _ work: BatchWork) { (self.queue, self.work) = (queue, work) }

    mutating func append(_ line: BatchOutputLine) async throws(QueueError) {
        line.append(to: &buffer)
        if buffer.count >= FileWriter.pieceBytes { try await flush() }
    }

    private mutating func flush() async throws(QueueError) {
        if buffer.isEmpty { return }
        var current = if let writer { writer } else { try await FileWriter(queue, of: work) }
        try await current.append(buffer)
        writer = current
        buffer.removeAll(keepingCapacity: true)
    }

    /// What was stored, once nothing more comes.
    mutating func stored() async throws(QueueError) -> UnseenFile? {
        try await flush()
        return try await writer?.stored()
    }

    /// Gives it up.
    func abandon() async throws(QueueError) { try await writer?.abandon() }
}
