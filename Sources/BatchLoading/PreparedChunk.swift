package import BatchFile
package import Domain
package import Queue
import Postgres

/// Some lines of a batch file, ready to be copied but for what the database decides: keys and ids.
///
/// Pure: lines in, rows of COPY out.
package struct PreparedChunk: Sendable {
    /// How many requests of the file come before this chunk.
    package let firstLine: Int
    /// The models named, in the order of their first line.
    package private(set) var models: [String] = []
    /// How many lines name each of `models`.
    package private(set) var counts: [Int32] = []

    /// The last two fields of every row, `custom_id` and `payload`.
    private var rows: [UInt8] = []
    /// Where each row ends in `rows`.
    private var ends: [Int] = []
    /// Which of `models` each row is for.
    private var modelOfRow: [Int32] = []
    private var numbers: [String: Int32] = [:]
    /// Lines that are not queued, by their row: they have a job and its result, so that they are in the error file in
    /// their order.
    package private(set) var refusals: [(row: Int, refusal: LineRefusal)] = []
    /// The places of those that are.
    package private(set) var passes: [any LinePass] = []

    /// How many lines it holds.
    package var count: Int { ends.count }
    /// How many bytes they take.
    package var bytes: Int { rows.count }

    /// No lines yet, with room for `bytes`.
    package init(firstLine: Int, capacity: Int = 1 << 18) {
        self.firstLine = firstLine
        rows.reserveCapacity(capacity)
    }

    /// How many lines are to run.
    package var queuedCount: Int { count - refusals.count }

    /// Appends the request in hand of `reader`, which ends with `refusal`.
    package mutating func append(_ reader: RequestReader, refusal: LineRefusal) {
        refusals.append((count, refusal))
        append(reader)
    }

    /// Appends the request in hand of `reader`; `body` is sent instead of its own.
    package mutating func append(_ reader: RequestReader, body: [UInt8]? = nil, pass: (any LinePass)? = nil) {
        let model = number(of: reader.model)
        counts[Int(model)] += 1
        modelOfRow.append(model)
        reader.withRequest { customID, request in
            rows.appendCopyField(customID)
            if let body { rows.appendCopyField(body.span) } else { rows.appendCopyField(request) }
        }
        ends.append(rows.count)
        if let pass { passes.append(pass) }
    }

    private mutating func number(of model: String) -> Int32 {
        // Mostly it is the model of the line before.
        if let last = modelOfRow.last, models[Int(last)] == model { return last }
        if let number = numbers[model] { return number }
        let number = Int32(models.count)
        numbers[model] = number
        models.append(model)
        counts.append(0)
        return number
    }

    /// How many bytes are written at a time.
    private static let pieceBytes = 1 << 18

    /// Hands the rows of `sluice.job` to `write`, as `Queue.copyJobsSQL` takes them, in pieces of some 256 KiB.
    ///
    /// - Parameters:
    ///   - opened: what the database said of this chunk's models, in any order.
    ///   - reserved: as many ids as there are lines.
    /// - Throws: what `write` throws; `unknownModels` when `opened` lacks a model of the chunk.
    package func copyJobs(
        batch: Int32, kind: JobKind, priority: Priority, opened: [ChunkModel], reserved: ReservedJobs,
        write: ([UInt8]) async throws -> Void
    ) async throws {
        var keys = try keys(opened)
        var templates = try models.map { JobRow(try model($0, of: opened), batch, kind, priority, reserved.createdAt) }
        var piece = CopyRow.header
        piece.reserveCapacity(Self.pieceBytes + (1 << 16))
        var place = 0
        for row in 0..<count {
            let model = Int(modelOfRow[row])
            templates[model].append(to: &piece, id: reserved.ids[row], key: keys[model].next())
            piece.append(contentsOf: rows[place..<ends[row]])
            place = ends[row]
            if piece.count >= Self.pieceBytes {
                try await write(piece)
                piece = []
                piece.reserveCapacity(Self.pieceBytes + (1 << 16))
            }
        }
        try await write(piece + CopyRow.trailer)
    }

    /// The rows of `sluice.ready`, as `Queue.copyReadySQL` takes them. See `copyJobs`.
    package func readyRows(
        batch: Int32, priority: Priority, opened: [ChunkModel], reserved: ReservedJobs
    ) throws -> [UInt8] {
        var keys = try keys(opened)
        var templates = try models.map { ReadyRow(try model($0, of: opened), batch, priority, reserved.ring) }
        var bytes = CopyRow.header
        bytes.reserveCapacity(count * 80)
        var refused = refusals[...]
        for row in 0..<count {
            let model = Int(modelOfRow[row])
            let key = keys[model].next()
            if refused.first?.row == row {
                refused.removeFirst()
                continue
            }
            templates[model].append(to: &bytes, id: reserved.ids[row], key: key, bucket: reserved.buckets[row])
        }
        return bytes + CopyRow.trailer
    }

    /// The fair keys of one model's jobs.
    private struct Keys {
        var following: Int64
        let step: Int64

        mutating func next() -> Int64 {
            defer { following += step }
            return following
        }
    }

    private func keys(_ opened: [ChunkModel]) throws -> [Keys] {
        try models.map {
            let model = try model($0, of: opened)
            return Keys(following: model.key, step: model.keyStep)
        }
    }

    private func model(_ name: String, of opened: [ChunkModel]) throws -> ChunkModel {
        guard let model = opened.first(where: { $0.name == name }) else {
            throw BatchLoadingError(.unknownModels, "There is no model named \"\(name)\".")
        }
        return model
    }
}
