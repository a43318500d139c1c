import BatchFile

/// Reads a checked batch file once more and divides it into chunks.
///
/// An actor, so that the next chunk is made while the last one is on its way: a call may block on the disk and keeps a
/// thread busy for as long as it takes to parse one chunk.
actor ChunkReader {
    /// How large a chunk may get: the line that passes either bound is its last.
    struct Bounds: Sendable {
        var lines = 5_000
        var bytes = 8 << 20
    }

    private let path: String
    private let sha256: String?
    private let total: Int
    private let bounds: Bounds
    private let skipsInvalid: Bool
    private var reader: BatchReader
    private var place = 0
    private var capacity = 1 << 18

    /// Reads `file`, of which `summary` was found before.
    init(_ file: BatchFile, _ summary: BatchSummary, skipsInvalid: Bool, bounds: Bounds) {
        path = file.path
        sha256 = summary.sha256
        total = summary.lines
        self.bounds = bounds
        self.skipsInvalid = skipsInvalid
        reader = file.read()
    }

    /// Passes over the requests that are loaded already.
    func skip(to count: Int) throws {
        while place < count { _ = try line(after: place) }
    }

    /// The next chunk; nil after the last.
    ///
    /// The last one is returned only when the file was read to its end and is what it was when it was checked.
    ///
    /// - Throws: `fileChanged`; `BatchFileError`.
    func next() throws -> PreparedChunk? {
        guard place < total else { return nil }
        var chunk = PreparedChunk(firstLine: place, capacity: capacity)
        while place < total, chunk.count < bounds.lines, chunk.bytes < bounds.bytes {
            chunk.append(try line(after: place))
        }
        if place == total { try finish() }
        capacity = max(capacity, chunk.bytes + chunk.bytes / 8)
        return chunk
    }

    /// The request after `count` requests.
    private func line(after count: Int) throws -> BatchLine {
        while let entry = try reader.next() {
            switch entry {
            case .line(let line):
                place = count + 1
                return line
            case .problem:
                guard skipsInvalid else { throw changed }
            }
        }
        throw changed
    }

    /// Reads what is behind the last request and compares the whole.
    private func finish() throws {
        while let entry = try reader.next() {
            guard skipsInvalid, case .problem = entry else { throw changed }
        }
        guard sha256 == nil || reader.sha256 == sha256 else { throw changed }
    }

    private var changed: BatchLoadingError {
        BatchLoadingError(
            .fileChanged, "\(path) was changed while it was being loaded.",
            hint: "Submit it again when nobody writes to it any more.")
    }
}
