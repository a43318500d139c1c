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
    private let gate: (any LineGate)?
    /// A line that was read and not let in yet.
    private var held: BatchLine?
    private var reader: BatchReader
    private var place = 0
    private var capacity = 1 << 18

    /// Reads `file`, of which `summary` was found before.
    init(
        _ file: BatchFile, _ summary: BatchSummary, skipsInvalid: Bool, bounds: Bounds, gate: (any LineGate)? = nil
    ) {
        path = file.path
        sha256 = summary.sha256
        total = summary.lines
        self.bounds = bounds
        self.skipsInvalid = skipsInvalid
        self.gate = gate
        reader = file.read()
    }

    /// Passes over the requests that are loaded already.
    func skip(to count: Int) throws {
        while place < count { _ = try line(after: place) }
    }

    /// The next chunk; nil after the last, and where the gate lets nothing in.
    ///
    /// The last one is returned only when the file was read to its end and is what it was when it was checked.
    ///
    /// - Throws: `fileChanged`; `BatchFileError`; what the gate throws.
    func next() async throws -> PreparedChunk? {
        guard held != nil || place < total else { return nil }
        let before = held == nil ? place : place - 1
        var chunk = PreparedChunk(firstLine: before, capacity: capacity)
        while held != nil || place < total, chunk.count < bounds.lines, chunk.bytes < bounds.bytes {
            let line = try held ?? line(after: place)
            held = line
            guard let gate else {
                held = nil
                chunk.append(line)
                continue
            }
            switch try await gate.judge(line, isFirst: chunk.count == 0) {
            case .admitted(let body, let pass): chunk.append(line, body: body, pass: pass)
            case .refused(let refusal): chunk.append(line, refusal: refusal)
            case .later: return chunk.count == 0 ? nil : chunk
            }
            held = nil
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
