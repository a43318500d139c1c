import Crypto
public import Domain

/// Where the requests of a checked file are, so that loading them need not read them as JSON again.
///
/// It takes 40 bytes a request and 32 bytes for each 512 KiB of the file.
public struct BatchIndex: Sendable, Hashable {
    /// What the index keeps of a request.
    struct Entry: Sendable, Hashable {
        /// Where its line begins in the file, after a byte order mark.
        let line: Int64
        /// The line's number, counted from 1.
        let number: Int32
        /// Which of `models` it asks for.
        let model: Int32
        /// Its `custom_id` within the line, between the quotes.
        let customID: Range<UInt32>
        /// Its body within the line.
        let body: Range<UInt32>
        /// Whether its `custom_id` has escape sequences.
        let hasEscapes: Bool
    }

    private(set) var entries: [Entry] = []
    /// The models named, in the order of their first line.
    public internal(set) var models: [String] = []
    /// What is asked for; nil when there are no requests.
    public internal(set) var kind: JobKind?
    /// The hashes of the file's blocks.
    var blocks: [SHA256Digest] = []

    /// How many requests there are.
    public var count: Int { entries.count }

    /// What the file is recognised by: SHA-256 over the SHA-256 of each 512 KiB of it, in hexadecimal.
    ///
    /// Of blocks, so that parts of a file are checked at the same time.
    public var digest: String {
        var hash = SHA256()
        for block in blocks { block.withUnsafeBytes { hash.update(bufferPointer: $0) } }
        return hash.finalize().reduce(into: "") { text, byte in
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }

    /// Appends what follows in the file; `lines` and `blocks` come before it.
    ///
    /// Returns false when there would be too many different models, or requests for different things.
    mutating func append(_ next: BatchIndex, after lines: Int, _ limits: BatchLimits) -> Bool {
        if let kind, let other = next.kind, kind != other { return false }
        kind = kind ?? next.kind
        var numbers: [String: Int32] = [:]
        for (number, model) in models.enumerated() { numbers[model] = Int32(clamping: number) }
        let mapped = next.models.map { model in
            if let number = numbers[model] { return number }
            models.append(model)
            return Int32(clamping: models.count - 1)
        }
        entries.reserveCapacity(entries.count + next.entries.count)
        for entry in next.entries {
            entries.append(
                Entry(
                    line: entry.line, number: entry.number + Int32(clamping: lines), model: mapped[Int(entry.model)],
                    customID: entry.customID, body: entry.body, hasEscapes: entry.hasEscapes))
        }
        blocks += next.blocks
        return models.count <= limits.maximumModels && entries.count <= limits.maximumLines
    }

    mutating func append(_ request: LineChecker.Request, at line: Int64, number: Int) {
        let (id, body) = (request.customID.contents, request.body.range)
        entries.append(
            Entry(
                line: line, number: Int32(clamping: number), model: Int32(clamping: request.model),
                customID: UInt32(clamping: id.lowerBound)..<UInt32(clamping: id.upperBound),
                body: UInt32(clamping: body.lowerBound)..<UInt32(clamping: body.upperBound),
                hasEscapes: request.customID.hasEscapes))
    }
}
