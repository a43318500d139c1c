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
    private let bounds: Bounds
    private let gate: (any LineGate)?
    private let total: Int
    private var reader: RequestReader
    /// Whether the reader's request was read and not let in yet.
    private var isHeld = false
    private var capacity = 1 << 18

    /// Reads `file`, of which `summary` was found before.
    init(_ file: BatchFile, _ summary: BatchSummary, bounds: Bounds, gate: (any LineGate)? = nil) {
        path = file.path
        total = summary.lines
        self.bounds = bounds
        self.gate = gate
        reader = file.requests(at: summary.index)
    }

    /// Passes over the requests that are loaded already.
    func skip(to count: Int) { reader.skip(to: count) }

    /// The next chunk; nil after the last, and where the gate lets nothing in.
    ///
    /// The last one is returned only when the file was read to its end and is what it was when it was checked.
    ///
    /// - Throws: `fileChanged`; `BatchFileError`; what the gate throws.
    func next() async throws -> PreparedChunk? {
        guard isHeld || reader.count < total else { return nil }
        var chunk = PreparedChunk(firstLine: isHeld ? reader.count - 1 : reader.count, capacity: capacity)
        while chunk.count < bounds.lines, chunk.bytes < bounds.bytes {
            if !isHeld {
                guard try advance() else { break }
            }
            isHeld = true
            if let gate {
                switch try await gate.judge(reader.request, isFirst: chunk.count == 0) {
                case .admitted(let body, let pass): chunk.append(reader, body: body, pass: pass)
                case .refused(let refusal): chunk.append(reader, refusal: refusal)
                case .later: return chunk.count == 0 ? nil : chunk
                }
            } else {
                chunk.append(reader)
            }
            isHeld = false
        }
        if reader.count == total, !isHeld { try finish() }
        capacity = max(capacity, chunk.bytes + chunk.bytes / 8)
        return chunk
    }

    private func advance() throws -> Bool {
        do { return try reader.advance() } catch { throw translated(error) }
    }

    /// Reads what is behind the last request.
    private func finish() throws {
        do { try reader.finish() } catch { throw translated(error) }
    }

    private func translated(_ error: BatchFileError) -> any Error {
        guard error.code == .changed else { return error }
        return BatchLoadingError(
            .fileChanged, "\(path) was changed while it was being loaded.",
            hint: "Submit it again when nobody writes to it any more.")
    }
}
