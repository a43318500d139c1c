public import Domain
/// A value to show: one text for people, one for scripts.
public enum Cell: Sendable, Hashable {
    /// Nothing to show. People see `–`, scripts null.
    case none
    case text(String)
    /// A word of Sluice's vocabulary, such as a job's state, in the colour of its meaning.
    case word(String)
    case flag(Bool)
    case count(Int64)
    /// A number with so many decimals for people.
    case number(Double, decimals: Int)
    /// Bytes. Scripts get the number.
    case bytes(Int64)
    /// A length of time. Scripts get seconds.
    case duration(Duration)
    /// Events per second. Scripts get the number.
    case rate(Double)
    /// A part of one. People see percent.
    case share(Double)
    case time(UTCTime)
    /// JSON, such as a job's body.
    case json([UInt8])

    /// The text for people, on one line.
    public var text: String {
        switch self {
        case .none: "–"
        case .text(let value), .word(let value): value.printable
        case .flag(let value): value ? "yes" : "no"
        case .count(let value): HumanFormat.count(value)
        case .number(let value, let decimals): HumanFormat.fixed(value, decimals)
        case .bytes(let value): HumanFormat.bytes(value)
        case .duration(let value): HumanFormat.duration(value)
        case .rate(let value): HumanFormat.rate(value)
        case .share(let value): HumanFormat.percent(value, of: 1)
        case .time(let value): value.short
        case .json(let value): String(decoding: value, as: UTF8.self).printable
        }
    }

    /// The value for scripts.
    public var json: JSONOutput {
        switch self {
        case .none: .null
        case .text(let value), .word(let value): .string(value)
        case .flag(let value): .bool(value)
        case .count(let value), .bytes(let value): .integer(value)
        case .number(let value, _), .rate(let value), .share(let value): .number(value)
        case .duration(let value):
            .number(Double(value.components.seconds) + Double(value.components.attoseconds) / 1e18)
        case .time(let value): .string(value.rfc3339)
        case .json(let value): .raw(value)
        }
    }

    /// Whether it is a number, which belongs to the right of its column.
    var isNumber: Bool {
        switch self {
        case .count, .number, .bytes, .duration, .rate, .share: true
        case .none, .text, .word, .flag, .time, .json: false
        }
    }

    /// The styles that say what the value means.
    func painted(_ text: String, _ palette: Palette) -> String {
        switch self {
        case .none: palette.paint(text, .dim)
        case .word(let word): Self.styles[word].map { palette.paint(text, $0) } ?? text
        default: text
        }
    }

    private static let styles: [String: Palette.Style] = [
        "succeeded": .green, "healthy": .green, "ok": .green, "running": .cyan, "alive": .green, "completed": .green,
        "failed": .red, "quarantined": .red, "dead": .red, "error": .red, "isolated": .red, "crash": .red,
        "cancelled": .yellow, "expired": .yellow, "warning": .yellow, "draining": .yellow, "degraded": .yellow,
        "scheduled": .dim, "stopped": .dim,
    ]
}
