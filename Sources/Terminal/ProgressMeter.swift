/// How far a long piece of work is, how fast it goes, and when it may end.
///
/// Pure: counts and times in, text out.
public struct ProgressMeter: Sendable, Hashable {
    /// What is counted.
    public enum Unit: Sendable, Hashable {
        case items
        case bytes
    }

    /// What is being done, in a word or two.
    public var title: String
    /// How much there is to do; nil when nobody knows.
    public var total: Int64?
    /// What is counted.
    public let unit: Unit
    /// How much is done.
    public private(set) var done: Int64 = 0
    /// How much of what is done did not end well.
    public private(set) var failed: Int64 = 0
    /// When `done` was last told, since the beginning.
    public private(set) var elapsed = Duration.zero

    /// What was done when, for the rate of the last ten seconds: at most `maximumSamples`.
    private var samples: [Sample] = [Sample(time: .zero, done: 0)]

    private static let window = Duration.seconds(10)
    private static let spacing = Duration.milliseconds(250)
    private static let maximumSamples = 42

    private struct Sample: Hashable {
        let time: Duration
        let done: Int64
    }

    /// The work `title` of which nothing is done.
    public init(_ title: String, total: Int64? = nil, unit: Unit = .items) {
        self.title = title
        self.total = total
        self.unit = unit
    }

    /// Work that began with `done` already done, when it is resumed, is not counted as this run's speed.
    public mutating func resumed(at done: Int64) {
        self.done = done
        samples = [Sample(time: elapsed, done: done)]
    }

    /// `done` in all are done, `failed` of them badly, `elapsed` after the beginning.
    public mutating func advanced(to done: Int64, failed: Int64 = 0, after elapsed: Duration) {
        self.done = done
        self.failed = failed
        self.elapsed = max(elapsed, self.elapsed)
        if let last = samples.last, self.elapsed - last.time < Self.spacing { return }
        samples.append(Sample(time: self.elapsed, done: done))
        // The oldest sample kept is the last one from before the window, so that a stall shows as a falling rate.
        while samples.count > 2, self.elapsed - samples[1].time >= Self.window || samples.count > Self.maximumSamples {
            samples.removeFirst()
        }
    }

    /// How much was done in a second, lately; nil before there is anything to judge by.
    public var rate: Double? {
        guard let first = samples.first, elapsed > first.time, done > first.done else { return nil }
        return Double(done - first.done) / ((elapsed - first.time) / .seconds(1))
    }

    /// How long the rest takes at the rate of late; nil when the total or the rate is not known, or it takes over a year.
    public var remaining: Duration? {
        guard let total, let rate, rate > 0 else { return nil }
        let seconds = Double(max(0, total - done)) / rate
        return seconds < 31_536_000 ? .seconds(seconds) : nil
    }

    /// Whether all is done.
    public var isComplete: Bool { total.map { done >= $0 } ?? false }
}

extension ProgressMeter {
    /// The state as one line no wider than `width` columns, with a bar when there is room.
    public func line(width: Int? = nil, palette: Palette = .plain, showsBar: Bool = true) -> String {
        let parts = parts
        let text = ([title.printable] + parts).joined(separator: "  ")
        guard showsBar, let total, total > 0, let width else { return width.map { text.truncated(to: $0) } ?? text }
        let room = min(40, width - text.columns - 3)
        guard room >= 8 else { return text.truncated(to: width) }
        let part = min(1, max(0, Double(done) / Double(total)))
        let filled = Int(part * Double(room))
        let bar =
            palette.paint(String(repeating: "━", count: filled), isComplete ? .green : .cyan)
            + palette.paint(String(repeating: "─", count: room - filled), .dim)
        return ([title.printable, bar] + parts).joined(separator: "  ")
    }

    private var parts: [String] {
        func amount(_ value: Int64) -> String {
            unit == .items ? HumanFormat.count(value) : HumanFormat.bytes(value)
        }
        var parts: [String] = []
        if let total {
            parts.append(HumanFormat.percent(Double(done), of: Double(total)))
            parts.append(amount(done) + "/" + amount(total))
        } else {
            parts.append(amount(done))
        }
        if failed > 0 { parts.append(HumanFormat.count(failed) + " failed") }
        if let rate {
            parts.append(unit == .items ? HumanFormat.rate(rate) : amount(Int64(min(rate, 9e15))) + "/s")
        }
        if isComplete {
            parts.append("in " + HumanFormat.duration(elapsed))
        } else if let remaining {
            parts.append("ETA " + HumanFormat.duration(.seconds(Int64((remaining / .seconds(1)).rounded(.up)))))
        }
        return parts
    }
}
