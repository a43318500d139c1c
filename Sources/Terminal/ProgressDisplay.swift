/// Shows a `ProgressMeter` on standard error: in place on a terminal, as a line every few seconds in a log, not at all
/// with `--json` or `--quiet`.
public struct ProgressDisplay: Sendable {
    /// How progress is shown.
    public enum Mode: Sendable, Hashable {
        case inPlace
        case lines
        case hidden

        /// How long to wait between two drawings.
        var interval: Duration {
            switch self {
            case .inPlace: .milliseconds(100)
            case .lines: .seconds(5)
            case .hidden: .zero
            }
        }
    }

    /// The state that is shown.
    public private(set) var meter: ProgressMeter
    private let console: Console
    private let mode: Mode
    private let start: ContinuousClock.Instant
    private var drawn: Duration?
    private var isFinished = false

    /// A display of `meter`, whose work begins at `start`.
    public init(_ meter: ProgressMeter, on console: Console, start: ContinuousClock.Instant = .now) {
        self.meter = meter
        self.console = console
        self.start = start
        mode = console.progressMode
    }

    /// Sets how much there is to do, once it is known.
    public mutating func total(is total: Int64) { meter.total = total }

    /// Work that was done before this run.
    public mutating func resumed(at done: Int64) { meter.resumed(at: done) }

    /// `done` in all are done, `failed` of them badly.
    ///
    /// Draws when the last drawing is long enough ago, so it may be called as often as there is news.
    public mutating func advanced(to done: Int64, failed: Int64 = 0, now: ContinuousClock.Instant = .now) {
        let elapsed = now - start
        meter.advanced(to: done, failed: failed, after: elapsed)
        guard mode != .hidden, !isFinished,
            drawn.map({ elapsed - $0 >= mode.interval }) ?? (mode == .inPlace || elapsed >= mode.interval)
        else { return }
        drawn = elapsed
        draw()
    }

    /// The work is over: what is shown stays.
    public mutating func finish() {
        guard !isFinished else { return }
        isFinished = true
        guard mode != .hidden else { return }
        draw()
        if mode == .inPlace { console.keepTransient() }
    }

    private func draw() {
        switch mode {
        case .inPlace:
            console.showTransient(meter.line(width: (console.errorWidth ?? 80) - 1, palette: console.errorPalette))
        case .lines: console.note(meter.line(showsBar: false))
        case .hidden: break
        }
    }
}
