import Logging
import Testing

@testable import Telemetry

struct LogFormatTests {
    private func record(_ message: String, _ metadata: Logger.Metadata = [:], at time: Int64 = 0) -> LogRecord {
        LogRecord(milliseconds: time, level: .info, label: "test", message: message, metadata: metadata)
    }

    @Test func `a line for people`() {
        let line = LogFormat.human.line(record("worker started", [LogKey.worker: "7", LogKey.model: "big one"]))
        #expect(line == "00:00:00.000 info     worker started  model.name=\"big one\" worker.id=7\n")
    }

    @Test func `a line for machines`() {
        let line = LogFormat.json.line(record("a \"b\"\n\u{1}\\", [LogKey.job: "12", "list": ["a", "b"]]))
        #expect(
            line == #"{"time":"1970-01-01T00:00:00.000Z","level":"info","logger":"test","message":"a \"b\"\n\u0001\\","#
                + #""fields":{"job.id":"12","list":"[\"a\", \"b\"]"}}"# + "\n")
    }

    @Test func `one line stays one line and leaves the terminal alone`() {
        #expect(LogFormat.human.line(record("a\nb\u{1b}[2J")).hasSuffix(" a\\nb?[2J\n"))
    }

    @Test(
        arguments: [
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ])
    func `times are right`(milliseconds: Int64, text: String) {
        #expect(record("", at: milliseconds).timestamp == text)
    }

    @Test func `long texts are cut between characters`() {
        let long = record(String(repeating: "é", count: 5_000), ["k": "\(String(repeating: "x", count: 5_000))"])
        #expect(long.message == String(repeating: "é", count: LogLimits.messageBytes / 2) + "…")
        #expect(long.metadata[0].value.utf8.count == LogLimits.valueBytes + 3)
        #expect(LogLimits.cut("aé", to: 2) == "a…")
        #expect(LogLimits.cut("short", to: 5) == "short")
    }

    @Test func `so many entries and no more`() {
        let many = Logger.Metadata(uniqueKeysWithValues: (100..<200).map { ("k\($0)", "v") })
        #expect(record("", many).metadata.map(\.key).last == "k\(100 + LogLimits.entries - 1)")
    }
}
