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
    /// The hash of the file up to the end of each block that was read.
    var blocks: [SHA256Digest] = []

    /// How many requests there are.
    public var count: Int { entries.count }

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
