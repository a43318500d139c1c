import FoundationEssentials
import Logging
import Telemetry

/// What a worker writes to standard error: its log lines, logged again as ours, and whatever else its backend prints.
///
/// Bounded: the last `tailLimit` bytes are kept, and a line is cut at `lineLimit`.
struct WorkerOutput {
    /// Bytes kept as last words.
    static let tailLimit = 4 << 10
    /// Bytes of one line.
    static let lineLimit = 16 << 10

    private struct Line: Decodable {
        var level: Logger.Level
        var message: String
        var fields: [String: String]?
    }

    private let logger: Logger
    private var tail: [UInt8] = []
    private var line: [UInt8] = []
    private var isCut = false
    /// The message of the last line.
    private(set) var lastMessage = ""

    /// Logs to `logger`.
    init(logger: Logger) { self.logger = logger }

    /// The last it wrote, as text PostgreSQL can store.
    var lastWords: String { String(decoding: tail.filter { $0 != 0 }, as: UTF8.self) }

    /// More was written.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        tail.append(contentsOf: bytes.suffix(Self.tailLimit))
        if tail.count > Self.tailLimit { tail.removeFirst(tail.count - Self.tailLimit) }
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                finish()
                isCut = false
            } else if line.count < Self.lineLimit {
                line.append(byte)
            } else if !isCut {
                isCut = true
            }
        }
    }

    /// There is no more: a last line may lack its end.
    mutating func finish() {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return }
        if line[0] == UInt8(ascii: "{"), !isCut {
            do {
                let record = try JSONDecoder().decode(Line.self, from: Data(line))
                lastMessage = record.fields?["error"].map { "\(record.message) \($0)" } ?? record.message
                var metadata: Logger.Metadata = [:]
                for (key, value) in record.fields ?? [:] { metadata[key] = "\(value)" }
                logger.log(level: record.level, "\(record.message)", metadata: metadata)
                return
            } catch {
                // Not one of ours: a backend may print JSON as well.
            }
        }
        lastMessage = String(decoding: line, as: UTF8.self)
        logger.notice("A worker wrote to standard error.", metadata: ["text": "\(lastMessage)"])
    }
}
