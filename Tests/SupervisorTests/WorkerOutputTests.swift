import Logging
import Testing

@testable import Supervisor

struct WorkerOutputTests {
    private let recorder = LogRecorder()

    private func output(_ pieces: String...) -> WorkerOutput {
        var output = WorkerOutput(logger: recorder.logger)
        for piece in pieces { Array(piece.utf8).withUnsafeBytes { output.append($0) } }
        output.finish()
        return output
    }

    @Test func `a log line of ours is logged again, whole, however it arrives`() throws {
        let output = output(
            #"{"time":"x","level":"warning","logger":"w","mess"#, #"age":"low","fields":{"job.id":"7"}}"#, "\n")
        let entry = try #require(recorder.entries.first)
        #expect(recorder.entries.count == 1)
        #expect(entry.level == .warning && entry.message == "low" && entry.metadata == ["job.id": "7"])
        #expect(output.lastMessage == "low")
    }

    @Test(arguments: ["Segmentation fault", "{", #"{"level":"loud"}"#, "{}"])
    func `anything else is logged as what a worker wrote`(line: String) throws {
        let output = output(line + "\n\n")
        #expect(recorder.entries.map { $0.metadata["text"] } == [line])
        #expect(output.lastMessage == line)
    }

    @Test func `a last line without an end counts`() {
        #expect(output("one\ntwo").lastMessage == "two")
        #expect(recorder.entries.count == 2)
    }

    @Test func `the last four kibibytes are kept`() {
        let output = output(String(repeating: "a", count: 10_000), String(repeating: "b", count: 4000), "\n")
        #expect(output.lastWords == String(repeating: "a", count: 95) + String(repeating: "b", count: 4000) + "\n")
    }

    @Test func `a line is cut where it is too long`() {
        let output = output(String(repeating: "x", count: 100_000), "\nnext\n")
        #expect(recorder.entries.map { $0.metadata["text"]?.count } == [WorkerOutput.lineLimit, 4])
        #expect(output.lastMessage == "next")
    }

    @Test func `bytes that are no text do no harm`() {
        var output = WorkerOutput(logger: recorder.logger)
        [UInt8]([0xff, 0x00, 0x41, 0x0a]).withUnsafeBytes { output.append($0) }
        output.finish()
        #expect(output.lastWords == "\u{fffd}A\n")
    }
}
