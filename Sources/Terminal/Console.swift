public import Domain
import Glibc
import Synchronization

/// Where a command's words go: results to standard output, all else to standard error.
///
/// Results are for people or, with `--json`, for scripts; notes and progress are for people only. May be used from any
/// task; a call writes all it has before another's. Call `ignoreBrokenPipes()` once at the start of the process.
public final class Console: Sendable {
    /// What the command line says about output.
    public let options: OutputOptions
    /// The colours of standard output.
    public let palette: Palette
    /// The colours of standard error.
    public let errorPalette: Palette
    /// How progress is shown.
    public let progressMode: ProgressDisplay.Mode

    private let output: Int32
    private let errors: Int32
    private let outputIsTerminal: Bool
    private let errorsIsTerminal: Bool
    private let fallbackWidth: Int?
    /// The line in place on standard error, if there is one.
    private let transient = Mutex<String?>(nil)

    /// A console on the descriptors `output` and `errors`, which stay the caller's.
    public init(options: OutputOptions, environment: [String: String], output: Int32 = 1, errors: Int32 = 2) {
        self.options = options
        self.output = output
        self.errors = errors
        outputIsTerminal = isatty(output) == 1
        errorsIsTerminal = isatty(errors) == 1
        palette = Palette(isTerminal: outputIsTerminal, environment: environment)
        errorPalette = Palette(isTerminal: errorsIsTerminal, environment: environment)
        fallbackWidth = environment["COLUMNS"].flatMap(Int.init).flatMap { 20...1_000 ~= $0 ? $0 : nil }
        progressMode =
            options.isJSON || options.isQuiet
            ? .hidden : errorsIsTerminal && environment["TERM"] != "dumb" ? .inPlace : .lines
    }

    /// Makes a write nobody reads an error instead of the end of the process.
    ///
    /// It holds for the whole process and is inherited by the programs it starts.
    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    /// How wide the terminal is that standard output goes to; nil when it goes elsewhere, where nothing is cut.
    public var width: Int? { outputIsTerminal ? Self.width(output) ?? fallbackWidth ?? 80 : nil }

    /// How wide the terminal is that standard error goes to; nil when it goes elsewhere.
    public var errorWidth: Int? { errorsIsTerminal ? Self.width(errors) ?? fallbackWidth ?? 80 : nil }

    /// Shows a table, or an object a row with `--json`.
    public func show(_ table: TextTable) throws(ConsoleError) {
        if options.isJSON {
            var bytes: [UInt8] = []
            for row in table.json {
                row.append(to: &bytes)
                bytes.append(0x0A)
            }
            try write(bytes)
        } else {
            try show(table.lines(width: width, palette: palette))
        }
    }

    /// Shows facts, or one object with `--json`.
    public func show(_ facts: FactList) throws(ConsoleError) {
        if options.isJSON { try show(facts.json) } else { try show(facts.lines(width: width, palette: palette)) }
    }

    /// Shows one JSON value on a line of its own.
    public func show(_ value: JSONOutput) throws(ConsoleError) {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        bytes.append(0x0A)
        try write(bytes)
    }

    /// Shows lines that were made for people.
    public func show(_ lines: [String]) throws(ConsoleError) {
        var bytes: [UInt8] = []
        for line in lines {
            bytes.append(contentsOf: line.utf8)
            bytes.append(0x0A)
        }
        try write(bytes)
    }

    /// Shows text that came from elsewhere, an answer say, and ends its last line.
    ///
    /// On a terminal it is made harmless; a file or a pipe gets it as it is.
    public func show(text: String) throws(ConsoleError) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let shown = outputIsTerminal ? lines.map { String($0).printable }.joined(separator: "\n") : text
        try write(Array((shown.hasSuffix("\n") ? shown : shown + "\n").utf8))
    }

    /// Shows a piece of a text that came from elsewhere and goes on in the next piece.
    ///
    /// On a terminal it is made harmless; a file or a pipe gets it as it is.
    public func show(piece: String) throws(ConsoleError) {
        let lines = piece.split(separator: "\n", omittingEmptySubsequences: false)
        try write(Array((outputIsTerminal ? lines.map { String($0).printable }.joined(separator: "\n") : piece).utf8))
    }

    /// Writes `bytes` to standard output as they are.
    public func write(_ bytes: [UInt8]) throws(ConsoleError) {
        try transient.withLock { (line) throws(ConsoleError) in
            if line != nil { _ = Self.write(Self.clearing, to: errors) }
            line = nil
            switch Self.write(bytes, to: output) {
            case 0: return
            case EPIPE: throw ConsoleError(code: .closed, cause: EPIPE)
            case let cause where cause == ENOSPC || cause == EDQUOT: throw ConsoleError(code: .noSpace, cause: cause)
            case let cause: throw ConsoleError(code: .failed, cause: cause)
            }
        }
    }

    /// Says something to the person that a script does not need.
    ///
    /// Hidden with `--json` and `--quiet`.
    public func note(_ text: String) {
        if options.isJSON || options.isQuiet { return }
        tell([text])
    }

    /// Says something the person has to know although the command goes on.
    public func warn(_ text: String) {
        tell([errorPalette.paint("warning:", .yellow, .bold) + " " + text.printable])
    }

    /// Says why the command ends: in words on standard error, and with `--json` as an object on standard output.
    public func report(_ failure: CommandFailure) {
        tell(failure.lines(errorPalette))
        guard options.isJSON else { return }
        do { try show(failure.json) } catch {
            // The words are already on standard error, which is all that is left.
            return
        }
    }

    /// Draws `line` over the one drawn in place before.
    func showTransient(_ line: String) {
        transient.withLock {
            $0 = line
            _ = Self.write(Self.clearing + Array(line.utf8), to: errors)
        }
    }

    /// Lets the line in place stay and goes on below it.
    func keepTransient() {
        transient.withLock {
            if $0 != nil { _ = Self.write([0x0A], to: errors) }
            $0 = nil
        }
    }

    /// Standard error is told what it can take: there is nobody to report its failure to.
    private func tell(_ lines: [String]) {
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        transient.withLock {
            _ = Self.write(($0 == nil ? [] : Self.clearing) + text, to: errors)
            $0 = nil
        }
    }

    /// To the beginning of the line, and away with it.
    private static let clearing = Array("\r\u{1B}[K".utf8)

    private static func width(_ descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes all of `bytes`; returns 0 or the system's error number.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    // Somebody made the descriptor non-blocking, as the other end of a terminal may.
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&wait, 1, -1) >= 0 || errno == EINTR else { return errno }
                case let cause: return cause
                }
            }
            return 0
        }
    }
}
