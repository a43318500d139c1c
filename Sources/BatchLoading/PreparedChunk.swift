package import BatchFile
package import Domain
package import Queue

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

    /// `custom_id` and `payload` of every row, with its line feed.
    private var rows: CopyText
    /// Where each row ends in `rows`.
    private var ends: [Int] = []
    /// Which of `models` each row is for.
    private var modelOfRow: [Int32] = []
    private var numbers: [String: Int32] = [:]

    /// How many lines it holds.
    package var count: Int { ends.count }
    /// How many bytes they take.
    package var bytes: Int { rows.count }

    /// No lines yet, with room for `bytes`.
    package init(firstLine: Int, capacity: Int = 1 << 18) {
        self.firstLine = firstLine
        rows = CopyText(capacity: capacity)
    }

    /// Appends a line.
    package mutating func append(_ line: BatchLine) {
        let model = number(of: line.model)
        counts[Int(model)] += 1
        modelOfRow.append(model)
        rows.append(line.customID)
        rows.append(line.body.span)
        rows.endRow()
        ends.append(rows.count)
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

    /// Hands the rows to `write`, as text for `Queue.copyChunkSQL`, in pieces of some 256 KiB.
    ///
    /// - Parameter opened: what the database said of this chunk's models, in any order.
    /// - Throws: what `write` throws; `unknownModels` when `opened` lacks a model of the chunk.
    package func copy(
        batch: Int32, kind: JobKind, priority: Priority, opened: [ChunkModel],
        write: ([UInt8]) async throws -> Void
    ) async throws {
        var keys: [Int64] = []
        var steps: [Int64] = []
        var heads: [[UInt8]] = []
        for name in models {
            guard let model = opened.first(where: { $0.name == name }) else {
                throw BatchLoadingError(.unknownModels, "There is no model named \"\(name)\".")
            }
            keys.append(model.key)
            steps.append(model.keyStep)
            heads.append(Array(Self.head(model, batch: batch, kind: kind, priority: priority).utf8))
        }
        let text = rows.bytes
        var piece: [UInt8] = []
        piece.reserveCapacity(Self.pieceBytes + (1 << 16))
        var place = 0
        for row in 0..<count {
            let model = Int(modelOfRow[row])
            piece.append(contentsOf: String(keys[model]).utf8)
            keys[model] += steps[model]
            piece.append(contentsOf: heads[model])
            piece.append(contentsOf: text[place..<ends[row]])
            place = ends[row]
            if piece.count >= Self.pieceBytes {
                try await write(piece)
                piece = []
                piece.reserveCapacity(Self.pieceBytes + (1 << 16))
            }
        }
        if !piece.isEmpty { try await write(piece) }
    }

    private static let pieceBytes = 1 << 18

    /// The columns between the key and the custom id, with the tabs around them.
    private static func head(_ model: ChunkModel, batch: Int32, kind: JobKind, priority: Priority) -> String {
        "\t\(model.model)\t\(model.tenant)\t\(batch)\t\(kind.rawValue)\t\(priority.rawValue)"
            + "\t\(model.maximumAttempts)\t"
    }
}
