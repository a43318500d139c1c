import Queue

/// Stores a file in pieces as its content comes: nobody sees it before `complete`.
///
/// Holds one piece. What was stored of a file that is never completed is removed by maintenance.
struct FileWriter {
    /// The size of every piece but the last.
    static let pieceBytes = 256 << 10

    private let queue: Queue
    private let tenant: String
    private let file: Int64
    private var buffer: [UInt8] = []
    private var pieces: Int32 = 0
    /// How much was appended.
    private(set) var bytes: Int64 = 0

    /// Begins a file of `tenant`.
    init(_ queue: Queue, tenant: String) async throws(QueueError) {
        (self.queue, self.tenant) = (queue, tenant)
        file = try await queue.beginFile(of: tenant)
    }

    /// Begins a file of the results of a batch.
    init(_ queue: Queue, of work: BatchWork) async throws(QueueError) {
        (self.queue, tenant) = (queue, work.tenant)
        file = try await queue.beginFile(of: work)
    }

    /// Appends `content`; waits while the database takes no more.
    mutating func append(_ content: [UInt8]) async throws(QueueError) {
        var rest = content[...]
        while !rest.isEmpty {
            let taken = rest.prefix(Self.pieceBytes - buffer.count)
            buffer.append(contentsOf: taken)
            rest = rest.dropFirst(taken.count)
            if buffer.count == Self.pieceBytes { try await flush() }
        }
        bytes += Int64(content.count)
    }

    private mutating func flush() async throws(QueueError) {
        try await queue.append(buffer, ordinal: pieces, to: file)
        pieces += 1
        buffer.removeAll(keepingCapacity: true)
    }

    /// Stores the last of it; nobody sees it yet.
    mutating func stored() async throws(QueueError) -> UnseenFile {
        if !buffer.isEmpty { try await flush() }
        return UnseenFile(file: file, bytes: bytes, pieces: pieces)
    }

    /// Makes what was appended a file that is seen.
    mutating func complete(_ description: FileForm.Description) async throws(QueueError) -> StoredFile {
        let stored = try await stored()
        return try await queue.completeFile(
            stored.file, filename: description.filename, purpose: description.purpose, bytes: stored.bytes,
            pieces: stored.pieces, keptFor: description.keptFor)
    }

    /// Gives it up, so that maintenance need not wait to see that nobody goes on.
    func abandon() async throws(QueueError) { _ = try await queue.deleteFile(file, of: tenant) }
}
