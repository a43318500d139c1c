import Glibc
import Terminal
import Testing

/// A console between two pipes, whose other ends the test reads.
private final class PipedConsole {
    let console: Console
    private var output: [Int32] = [0, 0]
    private var errors: [Int32] = [0, 0]

    init(_ options: OutputOptions = OutputOptions(), environment: [String: String] = [:]) {
        #expect(pipe(&output) == 0 && pipe(&errors) == 0)
        console = Console(options: options, environment: environment, output: output[1], errors: errors[1])
    }

    deinit { for descriptor in output + errors where descriptor >= 0 { close(descriptor) } }

    /// What was written to standard output and standard error.
    func texts() -> (output: String, errors: String) {
        (Self.drain(&output), Self.drain(&errors))
    }

    func closeOutput() {
        close(output[0])
        output[0] = -1
    }

    private static func drain(_ ends: inout [Int32]) -> String {
        close(ends[1])
        ends[1] = -1
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}

@Suite struct ConsoleTests {
    private var table: TextTable {
        var table = TextTable([.init("ID", key: "id"), .init("NAME", key: "name")])
        table.append([.count(1), .text("a")])
        table.append([.count(2), .text("b")])
        return table
    }

    @Test func resultsAndNotesGoApart() throws {
        let piped = PipedConsole()
        try piped.console.show(table)
        piped.console.note("loading")
        piped.console.warn("old\u{1B}")
        piped.console.report(CommandFailure(.noInput, "No file.", fix: "Name one."))
        let texts = piped.texts()
        #expect(texts.output == "ID  NAME\n 1  a\n 2  b\n")
        #expect(texts.errors == "loading\nwarning: old\u{FFFD}\nerror: No file.\n  fix: Name one.\n")
    }

    @Test func jsonIsAllThereIs() throws {
        let piped = PipedConsole(OutputOptions(isJSON: true))
        try piped.console.show(table)
        var facts = FactList()
        facts.append("A", key: "a", .none)
        try piped.console.show(facts)
        piped.console.note("hidden")
        var progress = ProgressDisplay(ProgressMeter("x", total: 1), on: piped.console)
        progress.advanced(to: 1, now: .now + .seconds(60))
        progress.finish()
        piped.console.report(CommandFailure(.io, "Bad."))
        let texts = piped.texts()
        #expect(
            texts.output
                == "{\"id\": 1, \"name\": \"a\"}\n{\"id\": 2, \"name\": \"b\"}\n{\"a\": null}\n{\"error\": {\"message\": \"Bad.\", \"fix\": null, \"exit_code\": 74}}\n"
        )
        #expect(texts.errors == "error: Bad.\n")
    }

    @Test func quietKeepsResultsAndErrors() throws {
        let piped = PipedConsole(OutputOptions(isQuiet: true))
        piped.console.note("hidden")
        try piped.console.show(text: "answer")
        piped.console.report(CommandFailure(.io, "Bad."))
        let texts = piped.texts()
        #expect(texts.output == "answer\n" && texts.errors == "error: Bad.\n")
    }

    @Test func aLogGetsALineNowAndThen() {
        let piped = PipedConsole()
        let start = ContinuousClock.now
        var progress = ProgressDisplay(ProgressMeter("x"), on: piped.console, start: start)
        for second in 1...12 { progress.advanced(to: Int64(second), now: start + .seconds(second)) }
        progress.total(is: 12)
        progress.finish()
        progress.finish()
        let lines = piped.texts().errors.split(separator: "\n")
        #expect(lines == ["x  5  1.00/s", "x  10  1.00/s", "x  100.0%  12/12  1.00/s  in 12.0 s"])
    }

    @Test func textFromElsewhereReachesAFileUnchanged() throws {
        let piped = PipedConsole()
        try piped.console.show(text: "a\u{1B}[1m\nb\n")
        #expect(piped.texts().output == "a\u{1B}[1m\nb\n")
    }

    @Test func nobodyReadingIsNoFailure() {
        Console.ignoreBrokenPipes()
        let piped = PipedConsole()
        piped.closeOutput()
        #expect { try piped.console.show(["x"]) } throws: { error in
            let error = error as? ConsoleError
            return error?.code == .closed && error?.exitCode == .ok
        }
    }

    @Test func aFullDiskIsNamed() {
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        let console = Console(options: OutputOptions(), environment: [:], output: full, errors: full)
        #expect { try console.show(["x"]) } throws: {
            ($0 as? ConsoleError)?.description == "The disk is full: standard output could not be written."
        }
        console.warn("nobody hears this")
    }

    /// A non-blocking pipe takes 64 KiB at a time; another thread of the test empties it.
    @Test func writesAllOfItToASlowReader() async throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        #expect(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let console = Console(options: OutputOptions(), environment: [:], output: writer, errors: writer)
        async let received = Self.count(reader)
        try console.write(Array(repeating: 0x61, count: 1_000_000))
        close(writer)
        #expect(await received == 1_000_000)
        close(reader)
    }

    @concurrent private static func count(_ reader: Int32) async -> Int {
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 10_000)
        while true {
            let count = read(reader, &chunk, chunk.count)
            guard count > 0 else { return total }
            total += count
        }
    }

    /// On a terminal the progress line is drawn in place, makes room for other words, and stays at the end.
    @Test func drawsInPlaceOnATerminal() throws {
        // Glibc's Swift module has no openpty: what it does, by hand.
        let main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var lock: Int32 = 0
        var number: Int32 = 0
        #expect(ioctl(main, 0x4004_5431, &lock) == 0 && ioctl(main, 0x8004_5430, &number) == 0)
        let name = "/dev/pts/\(number)"
        let terminal = open(name, O_RDWR | O_NOCTTY)
        #expect(terminal >= 0)
        var size = winsize(ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0)
        #expect(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
        let console = Console(
            options: OutputOptions(), environment: ["NO_COLOR": "1"], output: terminal, errors: terminal)
        #expect(console.width == 60 && console.progressMode == .inPlace)
        let start = ContinuousClock.now
        var progress = ProgressDisplay(ProgressMeter("Go", total: 4), on: console, start: start)
        progress.advanced(to: 1, now: start + .seconds(1))
        progress.advanced(to: 2, now: start + .milliseconds(1_050))
        console.note("news")
        progress.advanced(to: 4, now: start + .seconds(2))
        progress.finish()
        try console.show(text: "red\u{1B}[31m")
        var chunk = [UInt8](repeating: 0, count: 4_096)
        var text = ""
        // A terminal hands out what it has, not what was written.
        while !text.hasSuffix("[31m\r\n") {
            let count = read(main, &chunk, chunk.count)
            try #require(count > 0)
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
        let clear = "\r\u{1B}[K"
        let first = ProgressTestsText.line(1, .seconds(1))
        let last = ProgressTestsText.line(4, .seconds(2))
        #expect(text == "\(clear)\(first)\(clear)news\r\n\(clear)\(last)\(clear)\(last)\r\nred\u{FFFD}[31m\r\n")
        close(terminal)
        close(main)
    }
}

private enum ProgressTestsText {
    static func line(_ done: Int64, _ elapsed: Duration) -> String {
        var meter = ProgressMeter("Go", total: 4)
        meter.advanced(to: done, after: elapsed)
        return meter.line(width: 59)
    }
}
